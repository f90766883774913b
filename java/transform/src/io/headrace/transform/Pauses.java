package io.headrace.transform;

/** The pauses of one view since the application was started, through all restarts of its query. Thread-safe. */
final class Pauses {
  private long _count;
  private Long _lastMs;
  private Long _longestMs;

  /** Another batch begins behind one that has ended. */
  synchronized void begin() {
    _count++;
    _lastMs = null;
  }

  /** The pause before the batch that has begun has lasted for so long. */
  synchronized void reaches(long pauseMs) {
    _lastMs = _lastMs == null ? pauseMs : Math.max(_lastMs, pauseMs);
    _longestMs = _longestMs == null ? _lastMs : Math.max(_longestMs, _lastMs);
  }

  synchronized long count() {
    return _count;
  }

  synchronized Long lastMs() {
    return _lastMs;
  }

  synchronized Long longestMs() {
    return _longestMs;
  }
}
