package io.headrace.pinot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AssignmentTest {
  @Test
  void namesThePartitionsThatNoOtherServerCouldAnswerFor() {
    Assignment here = new Assignment(Map.of(
        "t__0__0__20261127T1200Z", Map.of("a", "ONLINE"),
        "t__0__1__20261127T1200Z", Map.of("a", "CONSUMING"),
        "t__1__0__20261127T1200Z", Map.of("a", "ONLINE", "b", "ONLINE"),
        "t__1__1__20261127T1200Z", Map.of("a", "CONSUMING"),
        "t__2__0__20261127T1200Z", Map.of("b", "CONSUMING"),
        "t__3__0__20261127T1200Z", Map.of("a", "OFFLINE")), "a");
    assertEquals(Set.of(0, 3), here.partitions());
    assertEquals(Set.of("t__0__0__20261127T1200Z", "t__0__1__20261127T1200Z", "t__1__0__20261127T1200Z",
        "t__1__1__20261127T1200Z"), here.segments());
  }
}
