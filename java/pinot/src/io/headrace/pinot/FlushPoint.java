package io.headrace.pinot;

/**
 * When a consuming segment has enough rows to be committed.
 *
 * <p>Promise: after the rows the table declares, in a steady flow. While rows come in bulk it is read on into the same
 * one, up to several times as many: building a segment costs as much as indexing its rows, and rows wait for the one but
 * not for the other. While the controller does not know the segment yet it takes more still: what stops it then stops
 * until the commit before has had its minute.
 *
 * <p>Not thread-safe: the consuming thread asks.
 */
final class FlushPoint {
  private static final int TIMES_IN_BULK = 6;
  /** A table of {@code flush_rows} never has more than this many times as many rows in one segment. */
  private static final int TIMES_WHILE_UNKNOWN = 12;
  /** Faster than this is a bulk: a large transaction, a snapshot, or what has to be read again. */
  private static final int BULK_ROWS_PER_S = 5_000;
  private static final long WINDOW_MS = 1_000;

  private final int _rows;
  private long _windowFromMs;
  private int _rowsBeforeWindow;
  private boolean _isBulk;

  /** @param rows what the table declares */
  FlushPoint(int rows) {
    _rows = rows;
  }

  /** So many rows is the end in any case, for a table that declares {@code rows}. */
  static int mostRows(int rows) {
    return times(rows, TIMES_WHILE_UNKNOWN);
  }

  /**
   * Whether an empty segment is to be committed, so that the next one begins where it stands.
   *
   * <p>It has read past transaction markers or aborted records, and a restart would begin in front of them again: at an
   * offset that the log may have forgotten by then, though no row was.
   *
   * @param startOffset where the segment begins
   * @param offset where it stands
   * @param ageMs how long it has been read
   * @param flushMs after which a segment with rows would be committed
   */
  static boolean hasOnlyPassed(int rows, long startOffset, long offset, long ageMs, long flushMs) {
    return rows == 0 && offset > startOffset && ageMs > flushMs;
  }

  private static int times(int rows, int factor) {
    return (int) Math.min(Integer.MAX_VALUE, (long) rows * factor);
  }

  /**
   * Whether the segment is to be committed now.
   *
   * @param rows in the segment
   * @param nowMs since 1970; asked often, or what is a bulk is learned late
   * @param isKnown whether the controller knows the segment, so that it could be committed
   */
  boolean isReached(int rows, long nowMs, boolean isKnown) {
    if (_windowFromMs == 0 || nowMs < _windowFromMs) {
      _windowFromMs = nowMs;
      _rowsBeforeWindow = rows;
    } else if (nowMs - _windowFromMs >= WINDOW_MS) {
      _isBulk = (rows - _rowsBeforeWindow) * 1000L > BULK_ROWS_PER_S * (nowMs - _windowFromMs);
      _windowFromMs = nowMs;
      _rowsBeforeWindow = rows;
    }
    if (!isKnown) {
      return rows >= mostRows(_rows);
    }
    return rows >= (_isBulk ? times(_rows, TIMES_IN_BULK) : _rows);
  }
}
