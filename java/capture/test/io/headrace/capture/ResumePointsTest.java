package io.headrace.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.Test;

class ResumePointsTest {
  private static final Schema ENVELOPE = SchemaBuilder.struct().field("source", Schema.OPTIONAL_STRING_SCHEMA).build();
  private static final Schema HEARTBEAT = SchemaBuilder.struct().field("ts_ms", Schema.OPTIONAL_INT64_SCHEMA).build();
  private static final String TABLES = "public.orders";
  private static final Map<String, Object> SNAPSHOT_OVER = Map.of("lsn", 100L, "txId", 7L);

  private static Map<String, Object> offset(long lsn, String type) {
    return Map.of("lsn", lsn, "lsn_proc", lsn, "messageType", type);
  }

  private static ResumePoints points(Map<String, ?> stored) {
    return new ResumePoints(stored, TABLES);
  }

  /** A row of a transaction, with the last commit before it, as Debezium counts them. */
  private static SourceRecord row(long transaction, long lsn, long commit) {
    return record(ENVELOPE, Map.of("lsn", lsn, "messageType", "UPDATE", "txId", transaction, "lsn_commit", commit));
  }

  private static SourceRecord change(long lsn) {
    return record(ENVELOPE, offset(lsn, "INSERT"));
  }

  private static SourceRecord heartbeat(long lsn, String type) {
    return record(HEARTBEAT, offset(lsn, type));
  }

  private static SourceRecord record(Schema schema, Map<String, ?> offset) {
    return new SourceRecord(Map.of("server", "shop.1"), offset, "topic", schema, new Struct(schema));
  }

  private static Map<String, Object> behind(Map<String, Object> before, long lsn, long sent) {
    Map<String, Object> expected = new HashMap<>(before);
    expected.put(ResumePoints.LSN, lsn);
    expected.put(ResumePoints.SENT, sent);
    return expected;
  }

  @Test
  void everyRecordOfOneWalRecordResumesBehindTheOneBefore() {
    ResumePoints points = points(SNAPSHOT_OVER);
    assertEquals(behind(SNAPSHOT_OVER, 200, 1), points.next(change(200)).sourceOffset());
    assertEquals(behind(SNAPSHOT_OVER, 200, 2), points.next(change(200)).sourceOffset());
    assertEquals(behind(offset(200, "INSERT"), 300, 1), points.next(change(300)).sourceOffset());
  }

  @Test
  void whatIsSentIsDroppedAfterARestartAndTheRestIsSent() {
    List<Long> stream = List.of(200L, 200L, 200L, 300L, 300L, 400L);
    ResumePoints first = points(SNAPSHOT_OVER);
    Map<String, ?> stored = SNAPSHOT_OVER;
    for (int sent = 0; sent <= stream.size(); sent++) {
      // Debezium goes on behind what it understands of the stored position: the last whole WAL record.
      long from = (Long) stored.get("lsn");
      ResumePoints again = points(stored);
      long arrived = stream.stream().filter(lsn -> lsn > from).filter(lsn -> again.next(change(lsn)) != null).count();
      assertEquals(stream.size() - sent, arrived, "after " + sent);
      if (sent < stream.size()) {
        stored = first.next(change(stream.get(sent))).sourceOffset();
      }
    }
  }

  @Test
  void droppingCountsOnSoThatASecondRestartIsExactToo() {
    ResumePoints points = points(behind(SNAPSHOT_OVER, 200, 1));
    assertNull(points.next(change(200)));
    assertEquals(behind(SNAPSHOT_OVER, 200, 2), points.next(change(200)).sourceOffset());
  }

  @Test
  void aWalRecordThatIsLeftOutNowDropsNothingElse() {
    ResumePoints points = points(behind(SNAPSHOT_OVER, 200, 2));
    assertEquals(behind(SNAPSHOT_OVER, 300, 1), points.next(change(300)).sourceOffset());
  }

  @Test
  void aTruncateIsSentWholeAgainForItsTablesMayBeOthersByThen() {
    Map<String, Object> truncate = offset(200, "TRUNCATE");
    ResumePoints first = points(SNAPSHOT_OVER);
    first.next(record(ENVELOPE, truncate));
    Map<String, ?> stored = first.next(record(ENVELOPE, truncate)).sourceOffset();
    assertEquals(behind(SNAPSHOT_OVER, 200, 2), stored);
    ResumePoints again = points(stored);
    assertEquals(behind(SNAPSHOT_OVER, 200, 1), again.next(record(ENVELOPE, truncate)).sourceOffset());
    assertEquals(behind(SNAPSHOT_OVER, 200, 2), again.next(record(ENVELOPE, truncate)).sourceOffset());
    assertEquals(behind(truncate, 300, 1), again.next(change(300)).sourceOffset());
  }

  @Test
  void aMessageThatDebeziumRepeatsIsDroppedAndNothingBehindItIsSentTwice() {
    ResumePoints points = points(behind(offset(150, "MESSAGE"), 200, 1));
    assertNull(points.next(change(150)));
    assertNull(points.next(change(200)));
    assertEquals(behind(offset(200, "INSERT"), 300, 1), points.next(change(300)).sourceOffset());
  }

  /** A commit stands where the third row of transaction 1 begins: Debezium takes it for that row and repeats what follows. */
  @Test
  void nothingIsSentTwiceWhenACommitHasThePositionOfTheRecordThatIsLookedFor() {
    // In the log: rows 200 and 210 of 1, commit of 2, row 300 of 1 directly behind it, commits 340 of 3, 380 of 1.
    List<SourceRecord> stream = List.of(row(3, 205, 300), row(3, 206, 300), row(1, 200, 340), row(1, 210, 340),
        row(1, 300, 340), row(1, 360, 340), row(4, 390, 380));
    ResumePoints first = points(SNAPSHOT_OVER);
    Map<String, ?> stored = SNAPSHOT_OVER;
    for (SourceRecord sent : stream.subList(0, 5)) {
      stored = first.next(sent).sourceOffset();
    }
    for (int lives = 0; lives < 2; lives++) {
      ResumePoints again = points(stored);
      for (SourceRecord repeated : stream.subList(0, 4)) {
        assertNull(again.next(repeated));
        // Nor does a commit between them end the search, also after one more restart.
        stored = again.next(heartbeat(340, "COMMIT")).sourceOffset();
      }
      assertNull(again.next(stream.get(4)));
      assertNotNull(again.next(stream.get(5)));
      assertNotNull(again.next(stream.get(6)));
    }
  }

  @Test
  void aRecordThatIsLeftOutNowHidesNothingBehindIt() {
    Map<String, ?> stored = SNAPSHOT_OVER;
    ResumePoints first = points(SNAPSHOT_OVER);
    for (SourceRecord sent : List.of(row(3, 205, 300), row(1, 200, 340), row(1, 300, 340))) {
      stored = first.next(sent).sourceOffset();
    }
    assertNotNull(points(stored).next(row(1, 360, 340)));
    assertNotNull(points(stored).next(row(4, 390, 380)));
    // Neither transaction 3 nor 1 has a table left that is carried: no commit of theirs is seen.
    assertNotNull(new ResumePoints(stored, "public.others").next(row(4, 390, 300)));
  }

  @Test
  void aCommitEndsWhatStandsBeforeIt() {
    ResumePoints points = points(SNAPSHOT_OVER);
    points.next(change(200));
    SourceRecord committed = heartbeat(250, "COMMIT");
    assertSame(committed, points.next(committed));
    assertEquals(behind(offset(250, "COMMIT"), 250, 1), points.next(change(250)).sourceOffset());
  }

  @Test
  void aHeartbeatInTheMiddleKeepsTheMiddle() {
    ResumePoints points = points(SNAPSHOT_OVER);
    points.next(change(200));
    assertEquals(behind(SNAPSHOT_OVER, 200, 1), points.next(heartbeat(200, "INSERT")).sourceOffset());
    assertEquals(behind(SNAPSHOT_OVER, 200, 2), points.next(change(200)).sourceOffset());
  }

  @Test
  void aHeartbeatBeforeAnythingCameAgainForgetsNothing() {
    Map<String, Object> stored = behind(offset(150, "COMMIT"), 200, 1);
    ResumePoints points = points(stored);
    assertEquals(stored, points.next(heartbeat(150, "COMMIT")).sourceOffset());
    assertNull(points.next(change(200)));
    assertNotNull(points.next(change(200)));
  }

  @Test
  void whatIsHandedOutIsEqualToItselfAlone() {
    ResumePoints points = points(SNAPSHOT_OVER);
    SourceRecord handed = points.next(change(200));
    SourceRecord twin = new HandedRecord(handed, handed.sourceOffset());
    assertEquals(handed, handed);
    assertNotEquals(handed, twin);
    assertEquals(handed.value(), twin.value());
    assertEquals(2, new HashSet<>(List.of(handed, twin)).size());
  }

  @Test
  void theSnapshotIsLeftAlone() {
    ResumePoints points = points(null);
    SourceRecord started = record(HEARTBEAT, Map.of());
    SourceRecord row = record(ENVELOPE, Map.of("lsn", 100L, "snapshot", "INITIAL"));
    SourceRecord over = record(HEARTBEAT, SNAPSHOT_OVER);
    for (SourceRecord record : List.of(started, row, row, over)) {
      assertSame(record, points.next(record));
    }
    assertEquals(behind(SNAPSHOT_OVER, 200, 1), points.next(change(200)).sourceOffset());
    assertFalse(SNAPSHOT_OVER.containsKey(ResumePoints.SENT));
  }
}
