package io.headrace.transform;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class StopTest {
  @Test
  void isFoundInWhateverWrapsIt() {
    Exception raised = new RuntimeException("[USER_RAISED_EXCEPTION] headrace-stop truncate 17 1700 -1 5; SQLSTATE P0001");
    Stop stop = Stop.in(new IllegalStateException("Job aborted", new RuntimeException(raised))).orElseThrow();
    assertEquals(Stop.TRUNCATE, stop.reason());
    assertEquals(17, stop.offset());
    assertArrayEquals(new long[]{17, 1700, -1, 5}, stop.numbers());
  }

  @Test
  void isNotFoundInAnythingElse() {
    assertTrue(Stop.in(new RuntimeException("headrace-stop nothing")).isEmpty());
    assertTrue(Stop.in(new RuntimeException((String) null)).isEmpty());
  }
}
