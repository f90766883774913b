package io.headrace.pinot;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import javax.annotation.Nullable;

/**
 * How far each partition of each table has been read in this JVM.
 *
 * <p>Promise: when {@link #position()} is p, every committed record below offset p has been indexed and is seen by the
 * next query. {@link #caughtUp()} is false from the start of the server until the partition has reached the end of the
 * log as it was at that start: what readers had seen before a crash is then here again. It turns false again only when
 * a consuming segment with rows is dropped.
 *
 * <p>{@link #lost()} says that rows of the log are gone which were never read. Nothing more is read then, the position
 * says nothing about new offsets, and a partition that had not caught up never does: only a new table heals it.
 */
final class Progress {
  private static final ConcurrentMap<String, ConcurrentMap<Integer, Progress>> TABLES = new ConcurrentHashMap<>();
  private static final long UNKNOWN = -1;

  private long _position = UNKNOWN;
  private long _target = UNKNOWN;
  private int _restarts;
  private String _lost;
  private LostMark _mark;

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
    return _target == UNKNOWN && _lost == null;
  }

  synchronized void setTarget(long endOffset) {
    if (needsTarget()) {
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

  /**
   * Keeps the loss over restarts from now on, and knows one of before.
   *
   * @param segmentMadeMs see {@link LostMark#read}
   */
  synchronized void keep(LostMark mark, long segmentMadeMs) {
    _mark = mark;
    String before = mark.read(segmentMadeMs);
    if (_lost != null) {
      mark.write(_lost);
    } else if (before != null) {
      lose(before);
    }
  }

  /** Rows of the log are gone that were not read; the first reason stays. */
  synchronized void lose(String reason) {
    if (_lost != null) {
      return;
    }
    if (!caughtUp()) {
      _target = Long.MAX_VALUE;
    }
    _lost = reason;
    notifyAll();
    if (_mark != null) {
      _mark.write(reason);
    }
  }

  /** Why the log is not whole; null while it is. */
  @Nullable
  synchronized String lost() {
    return _lost;
  }

  /** Rows were taken away (a consuming segment was dropped): nothing is answered until they are back. */
  synchronized void restart() {
    _position = UNKNOWN;
    _target = UNKNOWN;
    _restarts++;
  }

  /** A committed segment goes: answered is what it leaves only if the table is to have it no more. */
  synchronized void unload() {
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

  /** Waits until everything below the offset is indexed; false when the deadline (ms since 1970) or a loss came first. */
  synchronized boolean await(long offset, long deadlineMs)
      throws InterruptedException {
    while (_position < offset || _lost != null) {
      long leftMs = deadlineMs - System.currentTimeMillis();
      if (leftMs <= 0 || _lost != null) {
        return false;
      }
      wait(leftMs);
    }
    return true;
  }
}
