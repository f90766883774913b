package io.headrace.pinot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.stream.LongStream;
import org.apache.pinot.common.utils.LLCSegmentName;
import org.junit.jupiter.api.Test;

class SegmentMinuteTest {
  private static long at(String time) {
    return Instant.parse("2026-11-26T" + time + "Z").toEpochMilli();
  }

  @Test
  void isThisMinuteWhereThereIsTime() {
    SegmentMinute minute = SegmentMinute.forCommit(at("10:00:40"), 80_000);
    assertEquals(at("10:00:00"), minute.startMs());
    assertEquals(0, minute.waitMs(at("10:00:41")));
  }

  @Test
  void isTheNextOneWhereThereIsNot() {
    SegmentMinute minute = SegmentMinute.forCommit(at("10:00:51"), 80_000);
    assertEquals(at("10:01:00"), minute.startMs());
    assertEquals(8_000, minute.waitMs(at("10:00:52")));
    assertEquals(0, minute.waitMs(at("10:01:00")));
  }

  @Test
  void isNotWaitedForAnyLongerWhenTheClockIsSetBack() {
    SegmentMinute minute = SegmentMinute.forCommit(at("10:00:40"), 80_000);
    assertEquals(9_800, minute.waitMs(at("09:30:00")));
  }

  @Test
  void aLargeSegmentMayTakeMinutes() {
    assertEquals(at("10:05:00"), SegmentMinute.forCommit(at("10:00:00"), 5_000_000).startMs());
  }

  @Test
  void whoWaitsForItAndKeepsToTheTimeCommitsInIt() {
    LongStream.range(0, 120).map(second -> at("10:00:00") + 1000 * second).forEach(nowMs -> {
      SegmentMinute minute = SegmentMinute.forCommit(nowMs, 100_000);
      for (long builtMs : new long[]{nowMs, nowMs + 3_200, nowMs + 10_999}) {
        long committedMs = builtMs + minute.waitMs(builtMs);
        assertEquals(name(minute.startMs()), name(committedMs));
        assertTrue(committedMs - nowMs <= 11_000);
      }
    });
  }

  private static String name(long ms) {
    return new LLCSegmentName("orders", 0, 7, ms).getSegmentName();
  }
}
