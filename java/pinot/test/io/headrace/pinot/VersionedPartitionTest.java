package io.headrace.pinot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.pinot.common.metrics.ServerMetrics;
import org.apache.pinot.segment.local.indexsegment.immutable.ImmutableSegmentLoader;
import org.apache.pinot.segment.local.segment.creator.impl.SegmentIndexCreationDriverImpl;
import org.apache.pinot.segment.local.segment.readers.GenericRowRecordReader;
import org.apache.pinot.segment.spi.ImmutableSegment;
import org.apache.pinot.segment.spi.creator.SegmentGeneratorConfig;
import org.apache.pinot.spi.config.table.HashFunction;
import org.apache.pinot.spi.config.table.TableConfig;
import org.apache.pinot.spi.config.table.TableType;
import org.apache.pinot.spi.data.FieldSpec;
import org.apache.pinot.spi.data.Schema;
import org.apache.pinot.spi.data.readers.GenericRow;
import org.apache.pinot.spi.metrics.PinotMetricUtils;
import org.apache.pinot.spi.utils.ReadMode;
import org.apache.pinot.spi.utils.builder.TableConfigBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The upsert rule of a view's table on segments as Pinot builds and loads them, in every order of loading. */
class VersionedPartitionTest {
  private static final Schema SCHEMA = new Schema.SchemaBuilder().setSchemaName("v")
      .addSingleValueDimension("__key", FieldSpec.DataType.STRING)
      .addSingleValueDimension("value", FieldSpec.DataType.INT)
      .addSingleValueDimension("__kind", FieldSpec.DataType.INT)
      .addSingleValueDimension("__version", FieldSpec.DataType.LONG)
      .addSingleValueDimension("__offset", FieldSpec.DataType.LONG)
      .build();
  private static final TableConfig TABLE = new TableConfigBuilder(TableType.OFFLINE).setTableName("v").build();

  @TempDir
  Path _folder;
  private int _built;

  private static GenericRow row(RowKind kind, String key, long version, int value) {
    GenericRow row = new GenericRow();
    row.putValue("__key", key);
    row.putValue("value", value);
    row.putValue("__kind", kind.code());
    row.putValue("__version", kind.versionCode(version));
    row.putValue("__offset", 0L);
    return row;
  }

  private ImmutableSegment segment(int sequence, List<GenericRow> rows)
      throws Exception {
    File folder = _folder.resolve("built" + _built++).toFile();
    SegmentGeneratorConfig config = new SegmentGeneratorConfig(TABLE, SCHEMA);
    config.setOutDir(folder.getPath());
    config.setSegmentName("v__0__" + sequence + "__20260101T0000Z");
    SegmentIndexCreationDriverImpl driver = new SegmentIndexCreationDriverImpl();
    driver.init(config, new GenericRowRecordReader(rows));
    driver.build();
    return ImmutableSegmentLoader.load(new File(folder, config.getSegmentName()), ReadMode.heap);
  }

  private Map<String, Integer> served(String comparisonColumn, List<ImmutableSegment> segments) {
    ArrivalPartition partition = new ArrivalPartition("v_REALTIME", 0, List.of("__key"), comparisonColumn,
        HashFunction.NONE, new ServerMetrics(PinotMetricUtils.getPinotMetricsRegistry()));
    segments.forEach(partition::addSegment);
    Map<String, Integer> served = new TreeMap<>();
    for (ImmutableSegment segment : segments) {
      segment.getValidDocIds().getMutableRoaringBitmap().forEach((int docId) -> assertEquals(null,
          served.put((String) segment.getValue(docId, "__key"), (Integer) segment.getValue(docId, "value")),
          "two rows of one key"));
    }
    return served;
  }

  /** The rows served when each list is one segment, which must not depend on the order they are loaded in. */
  @SafeVarargs
  private Map<String, Integer> inAnyOrder(List<GenericRow>... logs)
      throws Exception {
    Map<String, Integer> first = null;
    for (List<Integer> order : permutations(logs.length)) {
      List<ImmutableSegment> segments = new ArrayList<>();
      for (int sequence : order) {
        segments.add(segment(sequence, logs[sequence]));
      }
      Map<String, Integer> served = served("__version", segments);
      first = first == null ? served : first;
      assertEquals(first, served, "loaded in the order " + order);
      segments.forEach(ImmutableSegment::destroy);
    }
    return first;
  }

  private static List<List<Integer>> permutations(int count) {
    List<List<Integer>> found = new ArrayList<>();
    found.add(List.of());
    for (int next = 0; next < count; next++) {
      List<List<Integer>> longer = new ArrayList<>();
      for (List<Integer> shorter : found) {
        for (int at = 0; at <= shorter.size(); at++) {
          List<Integer> order = new ArrayList<>(shorter);
          order.add(at, next);
          longer.add(order);
        }
      }
      found = longer;
    }
    return found;
  }

  @Test
  void anOlderVersionThatArrivesLaterIsIgnored()
      throws Exception {
    assertEquals(Map.of("a", 9, "b", 2), inAnyOrder(
        List.of(row(RowKind.ROW, "a", 9, 9), row(RowKind.ROW, "b", 1, 1)),
        List.of(row(RowKind.ROW, "a", 4, 4), row(RowKind.ROW, "b", 2, 2), row(RowKind.ROW, "a", 8, 8)),
        List.of(row(RowKind.ROW, "a", 5, 5))));
  }

  @Test
  void ofEqualVersionsTheLaterOneStands()
      throws Exception {
    assertEquals(Map.of("a", 3), inAnyOrder(
        List.of(row(RowKind.ROW, "a", 7, 1), row(RowKind.ROW, "a", 7, 2)),
        List.of(row(RowKind.ROW, "a", 7, 3))));
    // The kind is no part of the version.
    assertEquals(Map.of("a", 2), inAnyOrder(
        List.of(row(RowKind.DELETE, "a", 7, 1)), List.of(row(RowKind.ROW, "a", 7, 2))));
  }

  @Test
  void aDeleteHidesOlderRowsThatArriveLater()
      throws Exception {
    assertEquals(Map.of("b", 6), inAnyOrder(
        List.of(row(RowKind.ROW, "a", 1, 1), row(RowKind.DELETE, "a", 5, 0), row(RowKind.REJECT, "b", 5, 0)),
        List.of(row(RowKind.ROW, "a", 4, 4), row(RowKind.ROW, "b", 4, 4)),
        List.of(row(RowKind.ROW, "b", 6, 6), row(RowKind.ROW, "a", 3, 3))));
  }

  @Test
  void aTruncateIsAFloor()
      throws Exception {
    assertEquals(Map.of("b", 12, "c", 11), inAnyOrder(
        List.of(row(RowKind.ROW, "a", 9, 9), row(RowKind.ROW, "b", 12, 12)),
        List.of(row(RowKind.TRUNCATE, "", 10, 0), row(RowKind.ROW, "c", 11, 11), row(RowKind.TRUNCATE, "", 3, 0)),
        List.of(row(RowKind.ROW, "a", 8, 8), row(RowKind.ROW, "b", 2, 2), row(RowKind.ROW, "d", 9, 9))));
  }

  @Test
  void withoutVersionsArrivalDecides()
      throws Exception {
    List<ImmutableSegment> segments = new ArrayList<>(Arrays.asList(
        segment(0, List.of(row(RowKind.ROW, "a", 9, 9), row(RowKind.ROW, "b", 9, 9))),
        segment(1, List.of(row(RowKind.TRUNCATE, "", 1, 0), row(RowKind.ROW, "a", 4, 4)))));
    assertEquals(Map.of("a", 4), served("__kind", segments));
    Collections.reverse(segments);
    assertEquals(Map.of("a", 4), served("__kind", segments));
  }
}
