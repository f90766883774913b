package io.headrace.pinot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.apache.pinot.common.metadata.segment.SegmentZKMetadata;
import org.apache.pinot.common.utils.LLCSegmentName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogChainTest {
  private static SegmentZKMetadata segment(int partition, int sequence, String start, String end) {
    SegmentZKMetadata segment =
        new SegmentZKMetadata(new LLCSegmentName("t", partition, sequence, 1_700_000_000_000L).getSegmentName());
    segment.setStartOffset(start);
    if (end != null) {
      segment.setEndOffset(end);
    }
    return segment;
  }

  @Test
  void isWholeWhereEachBeginsWhereTheOneBeforeEnds() {
    SegmentZKMetadata begun = segment(0, 1, "10", null);
    assertNull(LogChain.firstBreak(List.of(begun, segment(0, 0, "0", "10"), segment(1, 2, "99", null)), begun));
  }

  @Test
  void knowsASegmentThatBeginsLaterOrSoonerAlsoAfterAnotherCommit() {
    List<SegmentZKMetadata> later =
        List.of(segment(0, 0, "0", "10"), segment(0, 1, "12", "12"), segment(0, 2, "12", null));
    assertEquals("segment t__0__1__20231114T2213Z begins at offset 12, the one before ends at 10",
        LogChain.firstBreak(later, later.get(2)));
    assertNull(LogChain.firstBreak(later, segment(1, 0, "0", null)));
    assertNotNull(LogChain.firstBreak(List.of(segment(0, 0, "0", "10")), segment(0, 1, "0", null)));
  }

  @Test
  void leavesOutWhatRetentionHasRemovedAndReadsAgainWhatWasGivenUp() {
    assertNull(LogChain.firstBreak(List.of(segment(0, 0, "0", "10")), segment(0, 2, "30", null)));
    assertNull(LogChain.firstBreak(List.of(segment(0, 0, "5", null)), segment(0, 1, "5", null)));
  }

  @Test
  void leavesOutWhatACommitThatWasCutOffLeftBehind() {
    List<SegmentZKMetadata> segments = List.of(segment(0, 0, "0", "10"), segment(0, 1, "7", null));
    assertNull(LogChain.firstBreak(segments, segment(0, 1, "10", null)));
  }

  @Test
  void aLossIsKeptForTheTableItBefell(@TempDir Path folder) {
    String table = "kept_REALTIME";
    long madeMs = System.currentTimeMillis();
    Progress before = Progress.of(table, 0);
    before.keep(new LostMark(folder.toFile(), 0), madeMs);
    before.setTarget(5);
    before.reached(5);
    before.lose("gone");
    assertTrue(before.caughtUp(), "readers keep what they had");

    Progress.forget(table);
    Progress after = Progress.of(table, 0);
    after.keep(new LostMark(folder.toFile(), 0), madeMs);
    after.setTarget(5);
    after.reached(5);
    assertEquals("gone", after.lost());
    assertFalse(after.caughtUp());

    Progress.forget(table);
    Progress another = Progress.of(table, 0);
    another.keep(new LostMark(folder.toFile(), 0), System.currentTimeMillis() + 60_000);
    assertNull(another.lost());
    Progress.forget(table);
  }
}
