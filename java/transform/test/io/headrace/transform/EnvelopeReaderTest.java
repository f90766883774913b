package io.headrace.transform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;

class EnvelopeReaderTest {
  private static final StructType IMAGE = StructType.fromDDL("id BIGINT, name STRING, paid BOOLEAN");
  private static final int BEFORE = 4;
  private static final int AFTER = 5;

  private static Row read(String record)
      throws Exception {
    return new EnvelopeReader(IMAGE, true).call(7L, record.getBytes(StandardCharsets.UTF_8));
  }

  private static List<Object> after(String image)
      throws Exception {
    Row row = read("{\"op\":\"c\",\"before\":null,\"after\":" + image + ",\"source\":{}}").getStruct(AFTER);
    return Arrays.asList(row.get(0), row.get(1), row.get(2), row.get(3), row.getBoolean(4));
  }

  @Test
  void readsTheColumnsThatWereAskedForAndNothingElse()
      throws Exception {
    Row row = read("{\"transaction\":{\"id\":[1]},\"op\":\"u\",\"source\":{\"db\":\"x\",\"ts_ms\":3,\"lsn\":4,\"txId\":null},"
        + "\"before\":{\"id\":1,\"x\":{\"id\":9},\"name\":\"ä\\\"\",\"paid\":true},\"after\":{\"id\":2,\"name\":null}}");
    assertEquals(Arrays.asList("u", 3L, 4L, null), Arrays.asList(row.get(0), row.get(1), row.get(2), row.get(3)));
    assertEquals("[1,ä\",true,null,false]", row.getStruct(BEFORE).toString());
    assertEquals("[2,null,null,null,false]", row.getStruct(AFTER).toString());
  }

  @Test
  void oneImageIsEnoughForAnOperation()
      throws Exception {
    Row deleted = read("{\"op\":\"d\",\"before\":{\"id\":1},\"after\":{\"id\":2}}");
    assertFalse(deleted.isNullAt(BEFORE));
    assertNull(deleted.get(AFTER));
    Row message = read("{\"op\":\"m\",\"before\":{\"id\":1},\"after\":{\"id\":2}}");
    assertNull(message.get(BEFORE));
    assertNull(message.get(AFTER));
  }

  @Test
  void aTextIsKeptToTheLastDigit()
      throws Exception {
    assertEquals("12345678901234567890.10", after("{\"name\":12345678901234567890.10}").get(1));
    assertEquals("{\"a\":[1,null]}", after("{\"name\": {\"a\": [1, null]}}").get(1));
    assertEquals("false", after("{\"name\":false}").get(1));
  }

  @Test
  void whatHasNotTheTypeIsBrokenAndTheRestIsStillRead()
      throws Exception {
    for (String wrong : List.of("1.0", "\"1\"", "9223372036854775808", "true", "[1,{\"id\":2}]")) {
      assertEquals(Arrays.asList(null, "n", true, null, true),
          after("{\"id\":" + wrong + ",\"name\":\"n\",\"paid\":true}"), wrong);
    }
    assertEquals(Arrays.asList(1L, null, null, null, true), after("{\"id\":1,\"paid\":1}"));
    assertEquals(Arrays.asList(null, null, null, null, true), after("[{\"id\":1}]"));
    assertEquals(Arrays.asList(-9223372036854775808L, null, null, "why", false),
        after("{\"id\":-9223372036854775808,\"__headrace_reject\":\"why\"}"));
  }

  @Test
  void whatIsNoEnvelopeStopsTheQueryAndIsNotQuoted() {
    for (String record : List.of("secret", "[]", "{\"op\":\"c\"", "{\"op\":\"secret\"}", "{\"after\":{\"id\":1}}", "")) {
      Exception stopped = assertThrows(Exception.class, () -> read(record), record);
      assertEquals("headrace-stop unreadable 7;", stopped.getMessage());
      assertNull(stopped.getCause());
    }
  }

  @Test
  void aTruncateStopsTheQueryWithItsPosition() {
    Exception stopped = assertThrows(Exception.class, () -> read("{\"op\":\"t\",\"source\":{\"ts_ms\":3,\"txId\":5}}"));
    Stop stop = Stop.in(stopped).orElseThrow();
    assertEquals(Stop.TRUNCATE, stop.reason());
    assertEquals(List.of(7L, 3L, -1L, 5L), Arrays.stream(stop.numbers()).boxed().toList());
  }
}
