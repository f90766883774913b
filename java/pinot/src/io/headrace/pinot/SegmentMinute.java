package io.headrace.pinot;

import java.util.concurrent.TimeUnit;

/**
 * The minute in which a commit is to reach the controller.
 *
 * <p>The controller names the next segment when the one before is committed, and of the time only the minute is in the
 * name. Who wants to know the name before chooses the minute, and commits in it: not sooner, and in time unless the
 * segment takes several times longer to build than it should.
 */
final class SegmentMinute {
  /** Measured on two busy cores: 0.7 s and 25 microseconds a row. Much more would be waited for in vain at a minute's end. */
  private static final long PATIENCE_MS = 5_000L;
  private static final long PATIENCE_PER_ROW_US = 60L;
  /** For a test of what happens when the controller gives another name. */
  private static final long SHIFT_MS = Long.getLong("headrace.segmentMinuteShiftMs", 0L);

  private final long _startMs;
  private final long _longestWaitMs;

  private SegmentMinute(long startMs, long longestWaitMs) {
    _startMs = startMs;
    _longestWaitMs = longestWaitMs;
  }

  /** The minute for a segment of so many rows whose building begins now. */
  static SegmentMinute forCommit(long nowMs, int rows) {
    long patienceMs = PATIENCE_MS + TimeUnit.MICROSECONDS.toMillis(PATIENCE_PER_ROW_US * rows);
    long latestMs = nowMs + SHIFT_MS + patienceMs;
    return new SegmentMinute(latestMs - latestMs % TimeUnit.MINUTES.toMillis(1), patienceMs);
  }

  long startMs() {
    return _startMs;
  }

  /** How long a commit that is ready has to be kept back: bounded, for a clock can be set back meanwhile. */
  long waitMs(long nowMs) {
    return Math.min(_longestWaitMs, Math.max(0, _startMs - nowMs));
  }
}
