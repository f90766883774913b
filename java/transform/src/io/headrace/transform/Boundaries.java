package io.headrace.transform;

import java.time.Instant;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryProgress;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How long a view stands still between two batches: from the end of one batch's reading to the beginning of the next
 * one's, taken from the progress Spark keeps. A trigger's time beyond the batch's own duration is that pause.
 */
final class Boundaries {
  private static final Logger LOGGER = LoggerFactory.getLogger(Boundaries.class);
  private static final long LONG_MS = 1000;

  private final long _batchMs;
  private long _seen = -1;
  private Instant _began;
  private long _batches;
  private Long _lastPauseMs;
  private Long _maxPauseMs;

  Boundaries(long batchMs) {
    _batchMs = batchMs;
  }

  void learn(StreamingQuery query) {
    for (StreamingQueryProgress progress : query.recentProgress()) {
      if (progress.batchId() <= _seen) {
        continue;
      }
      Instant began = Instant.parse(progress.timestamp());
      if (_began != null && progress.batchId() == _seen + 1) {
        _lastPauseMs = Math.max(0, began.toEpochMilli() - _began.toEpochMilli() - _batchMs);
        if (_lastPauseMs > LONG_MS) {
          LOGGER.info("{}: stood still for {} ms between two batches; the second: {}", query.name(), _lastPauseMs,
              progress.durationMs());
        }
        _maxPauseMs = _maxPauseMs == null ? _lastPauseMs : Math.max(_maxPauseMs, _lastPauseMs);
      }
      _began = began;
      _seen = progress.batchId();
      _batches++;
    }
  }

  /** What follows is another query's: its first batch has none before it. */
  void queryEnds() {
    _seen = -1;
    _began = null;
  }

  long batches() {
    return _batches;
  }

  Long lastPauseMs() {
    return _lastPauseMs;
  }

  Long maxPauseMs() {
    return _maxPauseMs;
  }
}
