package io.headrace.pinot;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.annotation.Nullable;
import org.apache.pinot.common.metadata.segment.SegmentZKMetadata;
import org.apache.pinot.common.utils.LLCSegmentName;

/**
 * Whether the segments of a partition follow each other in the log without a gap and without a repetition.
 *
 * <p>Pinot 0.11.0 itself begins a segment somewhere else than the one before ends: at the smallest offset that is left
 * when the log was cut off during a pause, and wherever {@code resumeConsumption?consumeFrom=} says.
 */
final class LogChain {
  private LogChain() {
  }

  /**
   * The first break of the partition, in words; null when there is none.
   *
   * @param segments of the table, all partitions; numbers that are missing (removed by retention) are no break
   * @param begun the one that is to be read now: it counts where there are two of its number
   */
  @Nullable
  static String firstBreak(List<SegmentZKMetadata> segments, SegmentZKMetadata begun) {
    LLCSegmentName last = new LLCSegmentName(begun.getSegmentName());
    int partition = last.getPartitionGroupId();
    TreeMap<Integer, SegmentZKMetadata> bySequence = new TreeMap<>();
    for (SegmentZKMetadata segment : segments) {
      LLCSegmentName name = LLCSegmentName.of(segment.getSegmentName());
      if (name != null && name.getPartitionGroupId() == partition) {
        // Two of one number: what a commit that was cut off left behind, beside the one that counts.
        bySequence.merge(name.getSequenceNumber(), segment, (one, other) -> one.getEndOffset() == null ? other : one);
      }
    }
    bySequence.put(last.getSequenceNumber(), begun);
    for (Map.Entry<Integer, SegmentZKMetadata> entry : bySequence.entrySet()) {
      SegmentZKMetadata before = bySequence.get(entry.getKey() - 1);
      SegmentZKMetadata segment = entry.getValue();
      if (before == null || before.getStartOffset() == null || segment.getStartOffset() == null) {
        continue;
      }
      // One that was given up before it was committed is read again from its beginning.
      String end = before.getEndOffset() == null ? before.getStartOffset() : before.getEndOffset();
      if (!end.equals(segment.getStartOffset())) {
        return "segment " + segment.getSegmentName() + " begins at offset " + segment.getStartOffset()
            + ", the one before ends at " + end;
      }
    }
    return null;
  }
}
