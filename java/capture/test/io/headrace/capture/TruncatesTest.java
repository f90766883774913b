package io.headrace.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.Test;

class TruncatesTest {
  private static final Schema KEY = SchemaBuilder.struct().field("id", Schema.INT64_SCHEMA).build();
  private static final Schema ENVELOPE = SchemaBuilder.struct().field("op", Schema.STRING_SCHEMA)
      .field("source", Schema.OPTIONAL_STRING_SCHEMA).build();
  private static final Schema NOTIFICATION = SchemaBuilder.struct().field("id", Schema.STRING_SCHEMA).build();
  private static final Map<String, Object> SNAPSHOT_OVER = Map.of("lsn", 100L, "txId", 7L);
  private static final Truncates TRUNCATES = Truncates.of("shop.1.public.three=3,shop.1.public.two=2");

  private static SourceRecord truncate(String table, long lsn) {
    return record("shop.1.public." + table, null, new Struct(ENVELOPE).put("op", "t"), lsn);
  }

  private static SourceRecord record(String topic, Struct key, Struct value, long lsn) {
    Map<String, Object> offset = Map.of("lsn", lsn, "lsn_proc", lsn, "messageType", "TRUNCATE");
    return new SourceRecord(Map.of("server", "shop.1"), offset, topic, key == null ? null : KEY, key, value.schema(), value);
  }

  /** What is sent, as topic and partition, of a statement that empties both tables and one of a single partition. */
  private static List<String> sent(ResumePoints points, int most) {
    List<String> sent = new ArrayList<>();
    for (String table : List.of("three", "one", "two")) {
      for (SourceRecord record : TRUNCATES.spread(truncate(table, 200))) {
        SourceRecord next = sent.size() < most ? points.next(record) : null;
        if (next != null) {
          sent.add(table + " " + next.kafkaPartition());
        }
      }
    }
    return sent;
  }

  @Test
  void aTruncateReachesEveryPartitionOfEveryTable() {
    assertEquals(List.of("three 0", "three 1", "three 2", "one null", "two 0", "two 1"),
        sent(new ResumePoints(SNAPSHOT_OVER, ""), 9));
  }

  @Test
  void theRecordsOfATruncateDifferInThePartitionAlone() {
    SourceRecord event = truncate("two", 200);
    for (SourceRecord record : TRUNCATES.spread(event)) {
      assertEquals(event.topic(), record.topic());
      assertSame(event.value(), record.value());
      assertEquals(event.sourceOffset(), record.sourceOffset());
      assertEquals(event.sourcePartition(), record.sourcePartition());
    }
  }

  @Test
  void aTruncateThatAKillCutIsSentWholeAfterARestart() {
    List<String> whole = sent(new ResumePoints(SNAPSHOT_OVER, ""), 9);
    for (int cut = 1; cut < whole.size(); cut++) {
      ResumePoints killed = new ResumePoints(SNAPSHOT_OVER, "");
      assertEquals(whole.subList(0, cut), sent(killed, cut));
      Map<String, ?> stored = Map.of("lsn", 100L, "txId", 7L, ResumePoints.LSN, 200L, ResumePoints.SENT, (long) cut);
      assertEquals(whole, sent(new ResumePoints(stored, ""), 9), "after " + cut);
    }
  }

  @Test
  void anythingElseIsLeftAlone() {
    Struct row = new Struct(ENVELOPE).put("op", "c");
    for (SourceRecord record : List.of(truncate("one", 200), record("shop.1.public.two", null, row, 200),
        record("shop.1.public.two", new Struct(KEY).put("id", 1L), row, 200),
        record("shop.1.notification", null, new Struct(NOTIFICATION).put("id", "t"), 200))) {
      assertEquals(1, TRUNCATES.spread(record).size());
      assertSame(record, TRUNCATES.spread(record).get(0));
    }
  }

  @Test
  void withoutTopicsOfSeveralPartitionsThereIsNothingToDo() {
    for (String setting : new String[] {null, "", " "}) {
      assertEquals(1, Truncates.of(setting).spread(truncate("two", 200)).size());
    }
  }

  @Test
  void aSettingThatIsNoneIsRefused() {
    for (String setting : List.of("a", "a=", "a=0", "a=-1", "a=b", "a=1=2", "a=2,,b=2")) {
      assertThrows(ConfigException.class, () -> Truncates.of(setting), setting);
    }
  }
}
