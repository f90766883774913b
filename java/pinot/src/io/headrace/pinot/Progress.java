package io.headrace.pinot;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * How far each partition of each table has been read in this JVM.
 *
 * <p>Promise: when {@link #position()} is p, every committed record below offset p has been indexed and is seen by the
 * next query. {@link #caughtUp()} is false from the start of the server until the partition has reached the end of the
 * log as it was at that start: what readers had seen before a crash is then here again. It turns false again only when
 * a consuming segment with rows is dropped.
 */
final class Progress {
  private static final ConcurrentMap<String, ConcurrentMap<Integer, Progress>> TABLES = new ConcurrentHashMap<>();
  private static final long UNKNOWN = -1;

  private long _position = UNKNOWN;
  private long _target = UNKNOWN;
  private int _restarts;

  private Progress() {
  }

  static Progress of(String tableNameWithType, int partition) {
    return TABLES.computeIfAbsent(tableNameWithType, table -> new ConcurrentHashMap<>())
        .computeIfAbsent(partition, number -> new Progress());
  }

  /** Forgets a table that was removed, so that a later one of the same name starts anew. */
  static void forget(String tableNameWithType) {
    TABLES.remove(tableNameWithType);
  }

  /** True when the end of the log at the server's start is still to be asked for. */
  synchronized boolean needsTarget() {
    return _target == UNKNOWN;
  }

  synchronized void setTarget(long endOffset) {
    if (_target == UNKNOWN) {
      _target = endOffset;
      notifyAll();
    }
  }

  synchronized void reached(long offset) {
    if (offset > _position) {
      _position = offset;
      notifyAll();
    }
  }

  /** Rows were taken away (a consuming segment was dropped): nothing is answered until they are back. */
  synchronized void restart() {
    _position = UNKNOWN;
    _target = UNKNOWN;
    _restarts++;
  }

  /** How often rows were taken away: what was frozen across such a moment is not to be answered from. */
  synchronized int restarts() {
    return _restarts;
  }

  synchronized long position() {
    return _position;
  }

  synchronized boolean caughtUp() {
    return _target != UNKNOWN && _position >= _target;
  }

  /** Waits until everything below the offset is indexed; false when the deadline (ms since 1970) came first. */
  synchronized boolean await(long offset, long deadlineMs)
      throws InterruptedException {
    while (_position < offset) {
      long leftMs = deadlineMs - System.currentTimeMillis();
      if (leftMs <= 0) {
        return false;
      }
      wait(leftMs);
    }
    return true;
  }
}
