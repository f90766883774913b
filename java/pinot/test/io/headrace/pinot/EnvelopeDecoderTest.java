package io.headrace.pinot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.utils.Bytes;
import org.apache.pinot.spi.data.readers.GenericRow;
import org.junit.jupiter.api.Test;

class EnvelopeDecoderTest {
  private static final String SOURCE = "\"source\":{\"ts_ms\":1700000000123,\"lsn\":77,\"txId\":501}";

  private static EnvelopeDecoder decoder(String columns, String key)
      throws Exception {
    EnvelopeDecoder decoder = new EnvelopeDecoder();
    String contract = "{\"key\":[\"" + key + "\"],\"excluded\":[\"secret\"],\"columns\":[" + columns + "]}";
    decoder.init(Map.of(EnvelopeDecoder.CONTRACT, contract, EnvelopeDecoder.UNAVAILABLE, "__gone__"), Set.of(), "t");
    return decoder;
  }

  private static String column(String name, String conversion) {
    return "{\"name\":\"" + name + "\",\"conversion\":\"" + conversion + "\"}";
  }

  private static GenericRow decode(EnvelopeDecoder decoder, String json) {
    Bytes value = Bytes.wrap(json.getBytes(StandardCharsets.UTF_8));
    return decoder.decode(new ConsumerRecord<>("t", 0, 4711, null, value), 0, value.get().length, new GenericRow());
  }

  private static GenericRow one(String conversion, String json)
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long") + "," + column("v", conversion), "id");
    return decode(decoder, "{\"before\":null,\"after\":{\"id\":1,\"v\":" + json + "}," + SOURCE + ",\"op\":\"c\"}");
  }

  @Test
  void carriesSystemColumns()
      throws Exception {
    GenericRow row = one("text", "\"ä\\u0001 long\"");
    assertEquals(4711L, row.getValue("__offset"));
    assertEquals(1700000000123L, row.getValue("__commit_time"));
    assertEquals(77L, row.getValue("__lsn"));
    assertEquals(501L, row.getValue("__txid"));
    assertEquals("c", row.getValue("__op"));
    assertEquals(0, row.getValue("__kind"));
    assertEquals("", row.getValue("__reject"));
    assertEquals("ä\u0001 long", row.getValue("v"));
  }

  @Test
  void convertsExactly()
      throws Exception {
    assertEquals(new BigDecimal("12345678901234567890.123456789"),
        one("decimal", "\"12345678901234567890.123456789\"").getValue("v"));
    assertEquals("1.5", one("decimal_text", "\"1.500\"").getValue("v"));
    assertEquals("0", one("decimal_text", "\"0.00\"").getValue("v"));
    assertEquals(Long.MIN_VALUE, one("long", "-9223372036854775808").getValue("v"));
    assertEquals(0.1d, one("double", "0.1").getValue("v"));
    assertEquals(0.1f, one("float", "0.1").getValue("v"));
    assertEquals(Double.MIN_VALUE, one("double", "4.9E-324").getValue("v"));
    assertEquals(true, one("boolean", "true").getValue("v"));
    assertArrayEquals(new byte[]{0, -1}, (byte[]) one("bytes", "\"AP8=\"").getValue("v"));
    assertEquals(-86_400_000L, one("date", "-1").getValue("v"));
    assertEquals("00:00:00.0001", one("time_micros", "100").getValue("v"));
    assertEquals("24:00:00", one("time_micros", "86400000000").getValue("v"));
    assertEquals("[1,\"a\"]", one("json_text", "[1, \"a\"]").getValue("v"));
  }

  @Test
  void keepsMicrosecondsBesideMilliseconds()
      throws Exception {
    GenericRow row = one("timestamp_micros", "-1");
    assertEquals(-1L, row.getValue("v"));
    assertEquals(-1L, row.getValue("v__micros"));
    GenericRow zoned = one("timestamp_tz", "\"2024-02-29T23:59:59.123456Z\"");
    assertEquals(1709251199123456L, zoned.getValue("v__micros"));
    assertEquals(1709251199123L, zoned.getValue("v"));
  }

  @Test
  void nullStaysNull()
      throws Exception {
    GenericRow row = one("decimal", "null");
    assertNull(row.getValue("v"));
    assertEquals(0, row.getValue("__kind"));
  }

  @Test
  void rejectsWhatCannotBeCarriedAndNeverShowsTheValue()
      throws Exception {
    String[][] cases = {
        {"decimal", "\"NaN\""}, {"decimal", "\"Infinity\""}, {"double", "\"NaN\""}, {"float", "\"-Infinity\""},
        {"float", "1e300"}, {"double", "1e400"}, {"date", "2147483647"}, {"timestamp_micros", "9223372036825200000"},
        {"timestamp_tz", "\"infinity\""}, {"timestamp_tz", "\"-0001-01-01T00:00:00Z\""}, {"int", "2147483648"},
        {"long", "1.5"}, {"bytes", "\"*\""}, {"text", "5"}, {"text", "\"__gone__\""}, {"boolean", "1"}, {"json_text", "[null,null]"},
        {"json_text", "[\"[Ljava.lang.String;@712f4cf8\"]"}, {"decimal", "\"NAN\""}};
    for (String[] c : cases) {
      GenericRow row = one(c[0], c[1]);
      assertEquals(2, row.getValue("__kind"), c[0] + " " + c[1]);
      assertEquals(1L, row.getValue("id"));
      assertNull(row.getValue("v"));
      String reason = (String) row.getValue("__reject");
      assertTrue(reason.startsWith("v: "), reason);
      assertFalse(reason.contains(c[1].replace("\"", "")) && c[1].length() > 3, reason);
    }
  }

  @Test
  void deleteTakesTheKeyFromBefore()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "text") + "," + column("v", "int"), "id");
    String tricky = "{\\\"after\\\":{}} é";
    GenericRow row = decode(decoder,
        "{\"before\":{\"id\":\"" + tricky + "\",\"v\":5},\"after\":null," + SOURCE + ",\"op\":\"d\",\"ts_ms\":1}");
    assertEquals("{\"after\":{}} é", row.getValue("id"));
    assertEquals(1, row.getValue("__kind"));
    assertNull(row.getValue("v"));
  }

  @Test
  void aReasonLeavesNothingButTheKey()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long") + "," + column("at", "timestamp_micros") + ","
        + column("n", "int") + "," + column("text", "text") + "," + column("last", "long"), "id");
    String image = "{\"at\":1,\"n\":{\"deep\":[1]},\"text\":[2],\"last\":3,\"id\":";
    GenericRow row = decode(decoder, "{\"after\":" + image + "9}," + SOURCE + ",\"op\":\"c\"}");
    assertEquals(2, row.getValue("__kind"));
    assertEquals("n: not a 32-bit integer", row.getValue("__reject"));
    assertEquals(9L, row.getValue("id"));
    GenericRow without = decode(decoder, "{\"after\":" + image + "null}," + SOURCE + ",\"op\":\"c\"}");
    assertEquals(4, without.getValue("__kind"));
    assertEquals("id: a key column is missing or NULL", without.getValue("__reject"));
    GenericRow cut = decode(decoder, "{\"after\":" + image + "9},\"op\":\"c\",");
    assertEquals(4, cut.getValue("__kind"));
    assertNull(cut.getValue("id"));
    for (GenericRow each : new GenericRow[]{row, without, cut}) {
      for (String name : new String[]{"at", "at__micros", "n", "text", "last"}) {
        assertNull(each.getValue(name), name);
      }
    }
  }

  @Test
  void aNestedValueLeavesTheNextOneInItsPlace()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long") + "," + column("list", "json_text") + ","
        + column("after_it", "int"), "id");
    GenericRow row = decode(decoder, "{\"after\":{\"id\":1,\"list\":[[1],{\"a\":2}],\"secret\":{\"id\":[7]},"
        + "\"after_it\":3}," + SOURCE + ",\"op\":\"c\"}");
    assertEquals("[[1],{\"a\":2}]", row.getValue("list"));
    assertEquals(3, row.getValue("after_it"));
    assertEquals(1L, row.getValue("id"));
    assertEquals("", row.getValue("__reject"));
    GenericRow rejected = decode(decoder, "{\"after\":{\"list\":[null],\"after_it\":3,\"id\":1}," + SOURCE
        + ",\"op\":\"c\"}");
    assertEquals(2, rejected.getValue("__kind"));
    assertEquals(1L, rejected.getValue("id"));
    assertNull(rejected.getValue("after_it"));
  }

  @Test
  void aMarkCountsMoreThanAColumn()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long") + "," + column("v", "int"), "id");
    String mark = "\"__headrace_reject\":\"too large\"";
    for (String image : new String[]{mark + ",\"v\":\"x\"", "\"v\":\"x\"," + mark}) {
      GenericRow row = decode(decoder, "{\"after\":{\"id\":1," + image + "}," + SOURCE + ",\"op\":\"c\"}");
      assertEquals("too large", row.getValue("__reject"), image);
    }
  }

  @Test
  void aDeleteNeedsOnlyItsKey()
      throws Exception {
    // A key may be called as the microseconds of an instant would be.
    EnvelopeDecoder decoder =
        decoder(column("at__micros", "long") + "," + column("at", "int") + "," + column("n", "int"), "at__micros");
    GenericRow row = decode(decoder, "{\"before\":{\"n\":{\"at__micros\":9},\"at\":\"x\",\"at__micros\":5},"
        + "\"after\":null," + SOURCE + ",\"op\":\"d\"}");
    assertEquals(1, row.getValue("__kind"));
    assertEquals(5L, row.getValue("at__micros"));
    assertNull(row.getValue("n"));
    for (String before : new String[]{"null", "5", "[]", "{\"at\":1}"}) {
      GenericRow none = decode(decoder, "{\"before\":" + before + ",\"after\":null," + SOURCE + ",\"op\":\"d\"}");
      assertEquals(4, none.getValue("__kind"), before);
      assertEquals("d", none.getValue("__op"), before);
    }
  }

  @Test
  void ofSeveralBadKeysTheFirstIsNamed()
      throws Exception {
    EnvelopeDecoder decoder = new EnvelopeDecoder();
    decoder.init(Map.of(EnvelopeDecoder.CONTRACT, "{\"key\":[\"b\",\"a\"],\"excluded\":[],\"columns\":["
        + column("a", "date") + "," + column("b", "decimal_text") + "]}"), Set.of(), "t");
    GenericRow row =
        decode(decoder, "{\"after\":{\"a\":2147483647,\"b\":\"NaN\"}," + SOURCE + ",\"op\":\"c\"}");
    assertEquals(4, row.getValue("__kind"));
    assertEquals("a: outside the years 1 to 9999", row.getValue("__reject"));
    assertEquals("b: a key column is missing or NULL",
        decode(decoder, "{\"after\":{}," + SOURCE + ",\"op\":\"c\"}").getValue("__reject"));
  }

  @Test
  void truncateHasNoKey()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long"), "id");
    GenericRow row = decode(decoder, "{\"before\":null,\"after\":null," + SOURCE + ",\"op\":\"t\"}");
    assertEquals(3, row.getValue("__kind"));
  }

  @Test
  void flagsUnknownAndMissingColumnsButKeepsTheRow()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long") + "," + column("v", "int"), "id");
    GenericRow unknown =
        decode(decoder, "{\"after\":{\"id\":1,\"v\":2,\"secret\":3,\"more\":4}," + SOURCE + ",\"op\":\"u\"}");
    assertEquals(0, unknown.getValue("__kind"));
    assertEquals("more: a column the declaration does not know", unknown.getValue("__reject"));
    GenericRow missing = decode(decoder, "{\"after\":{\"id\":1}," + SOURCE + ",\"op\":\"u\"}");
    assertEquals(0, missing.getValue("__kind"));
    assertTrue(((String) missing.getValue("__reject")).contains("missing"));
  }

  @Test
  void aBrokenRecordIsARowTooWithoutItsText()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long"), "id");
    for (String json : new String[]{"", "[]", "{\"secretvalue", "{\"after\":{\"id\":1}}", "{\"after\":{\"id\":null},\"op\":\"c\"}"}) {
      GenericRow row = decode(decoder, json);
      assertEquals(4, row.getValue("__kind"), json);
      assertFalse(((String) row.getValue("__reject")).contains("secretvalue"));
    }
  }

  @Test
  void aLargeRowMarkedByTheGuardIsAReject()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long") + "," + column("v", "int"), "id");
    GenericRow row = decode(decoder,
        "{\"after\":{\"id\":1,\"v\":null,\"__headrace_reject\":\"the row is larger than 5 bytes\"}," + SOURCE + ",\"op\":\"c\"}");
    assertEquals(2, row.getValue("__kind"));
    assertEquals("the row is larger than 5 bytes", row.getValue("__reject"));
  }

  /** The images of a table with masks always have the field. */
  @Test
  void aMarkThatSaysNothingLeavesTheRow()
      throws Exception {
    EnvelopeDecoder decoder = decoder(column("id", "long") + "," + column("v", "int"), "id");
    GenericRow row =
        decode(decoder, "{\"after\":{\"id\":1,\"v\":7,\"__headrace_reject\":null}," + SOURCE + ",\"op\":\"c\"}");
    assertEquals(0, row.getValue("__kind"));
    assertEquals("", row.getValue("__reject"));
    assertEquals(7, row.getValue("v"));
  }

  private static EnvelopeDecoder versioned()
      throws Exception {
    EnvelopeDecoder decoder = new EnvelopeDecoder();
    String contract = "{\"key\":[\"__key\"],\"excluded\":[],\"versioned\":true,\"columns\":["
        + column("__key", "text") + "," + column("total", "decimal") + "]}";
    decoder.init(Map.of(EnvelopeDecoder.CONTRACT, contract), Set.of(), "t");
    return decoder;
  }

  private static GenericRow result(String fields, String op, String version)
      throws Exception {
    return decode(versioned(), "{" + fields + "," + SOURCE + ",\"op\":\"" + op + "\"" + version + ",\"input\":13}");
  }

  @Test
  void aViewsRecordCarriesItsVersionAndItsKind()
      throws Exception {
    GenericRow row = result("\"after\":{\"__key\":\"g\",\"total\":\"1.50\"}", "u", ",\"version\":13");
    assertEquals(13L * 8, row.getValue("__version"));
    assertEquals(new BigDecimal("1.50"), row.getValue("total"));
    assertEquals(13L * 8 + 1,
        result("\"before\":{\"__key\":\"g\"},\"after\":null", "d", ",\"version\":13").getValue("__version"));
    assertEquals(13L * 8 + 2, result("\"after\":{\"__key\":\"x\",\"__headrace_reject\":\"total: too long\"}", "u",
        ",\"version\":13").getValue("__version"));
    assertEquals(13L * 8 + 3, result("\"after\":null", "t", ",\"version\":13").getValue("__version"));
  }

  @Test
  void aViewsProgressIsNoRow()
      throws Exception {
    GenericRow row = result("\"before\":null,\"after\":null", "m", ",\"version\":13");
    assertEquals(true, row.getValue(GenericRow.SKIP_RECORD_KEY));
  }

  @Test
  void aViewsRecordWithoutAVersionIsBroken()
      throws Exception {
    for (String version : new String[]{"", ",\"version\":null", ",\"version\":\"7\""}) {
      GenericRow row = result("\"after\":{\"__key\":\"g\",\"total\":\"1\"}", "u", version);
      assertEquals(4, row.getValue("__kind"));
      assertEquals(4L, row.getValue("__version"));
    }
  }

  @Test
  void onlyAViewHasVersions()
      throws Exception {
    assertNull(one("int", "1").getValue("__version"));
    EnvelopeDecoder decoder = decoder(column("id", "long"), "id");
    assertEquals(4, decode(decoder, "{\"before\":null,\"after\":null," + SOURCE + ",\"op\":\"m\"}").getValue("__kind"));
  }
}
