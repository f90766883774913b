package io.headrace.pinot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class FlushPointTest {
  private static final long START_MS = 1_700_000_000_000L;

  /** Rows in the segment when the point is reached, at so many rows a second. */
  private static int rowsAtFlush(FlushPoint point, int rowsPerS, int lastRow) {
    for (int rows = 0; rows <= lastRow; rows++) {
      if (point.isReached(rows, START_MS + rows * 1000L / rowsPerS, true)) {
        return rows;
      }
    }
    return -1;
  }

  @Test
  void isTheDeclaredNumberOfRowsInASteadyFlow() {
    assertEquals(80_000, rowsAtFlush(new FlushPoint(80_000), 2_000, 200_000));
  }

  @Test
  void isTheDeclaredNumberWhenItIsReachedWithinASecond() {
    assertEquals(300, rowsAtFlush(new FlushPoint(300), 100_000, 10_000));
  }

  @Test
  void isSixTimesAsMuchInABulk() {
    assertEquals(480_000, rowsAtFlush(new FlushPoint(80_000), 25_000, 1_000_000));
  }

  @Test
  void comesWithinTwoSecondsAfterABulk() {
    FlushPoint point = new FlushPoint(80_000);
    assertEquals(-1, rowsAtFlush(point, 25_000, 200_000));
    long endMs = START_MS + 8_000;
    assertTrue(point.isReached(200_000, endMs + 1_100, true) || point.isReached(200_000, endMs + 2_000, true));
  }

  @Test
  void waitsUntilTheControllerKnowsTheSegment() {
    FlushPoint point = new FlushPoint(300);
    assertFalse(point.isReached(400, START_MS, false));
    assertTrue(point.isReached(400, START_MS + 10, true));
    assertFalse(point.isReached(3_599, START_MS + 20, false));
    assertTrue(point.isReached(3_600, START_MS + 30, false));
    assertEquals(3_600, FlushPoint.mostRows(300));
  }

  @Test
  void comesForAnEmptySegmentThatStandsBehindMarkers() {
    assertTrue(FlushPoint.hasOnlyPassed(0, 99, 100, 61_000, 60_000));
    assertFalse(FlushPoint.hasOnlyPassed(0, 99, 100, 59_000, 60_000));
    assertFalse(FlushPoint.hasOnlyPassed(0, 100, 100, 61_000, 60_000));
    assertFalse(FlushPoint.hasOnlyPassed(1, 99, 100, 61_000, 60_000));
  }

  @Test
  void survivesAClockThatIsSetBack() {
    FlushPoint point = new FlushPoint(300);
    assertFalse(point.isReached(10, START_MS, true));
    assertFalse(point.isReached(20, START_MS - 3_600_000, true));
    assertTrue(point.isReached(300, START_MS - 3_500_000, true));
  }
}
