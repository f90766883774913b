package io.headrace.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.Test;

class RowGuardTest {
  private static final Schema KEY = SchemaBuilder.struct().field("id", Schema.INT64_SCHEMA).build();
  private static final Schema ROW = SchemaBuilder.struct().optional().field("id", Schema.INT64_SCHEMA)
      .field("email", Schema.STRING_SCHEMA).field("note", Schema.OPTIONAL_STRING_SCHEMA).build();
  private static final Schema SOURCE = SchemaBuilder.struct().field("schema", Schema.STRING_SCHEMA)
      .field("table", Schema.STRING_SCHEMA).build();
  private static final Schema ENVELOPE = SchemaBuilder.struct().field("before", ROW).field("after", ROW)
      .field("source", SOURCE).field("op", Schema.STRING_SCHEMA).build();

  private static Struct row(String email, String note) {
    return new Struct(ROW).put("id", 7L).put("email", email).put("note", note);
  }

  private static SourceRecord change(String table, Struct before, Struct after) {
    Struct envelope = new Struct(ENVELOPE).put("before", before).put("after", after).put("op", "u")
        .put("source", new Struct(SOURCE).put("schema", "public").put("table", table));
    return new SourceRecord(Map.of(), Map.of(), "topic", 0, KEY, new Struct(KEY).put("id", 7L), ENVELOPE, envelope);
  }

  private static RowGuard<SourceRecord> guard(Map<String, String> settings) {
    RowGuard<SourceRecord> guard = new RowGuard<>();
    guard.configure(settings);
    return guard;
  }

  @Test
  void masksBothImagesAndKeepsNull() {
    RowGuard<SourceRecord> guard =
        guard(Map.of("mask.columns", "public.people.email=hash,public.people.note=redact", "mask.key", "k"));
    Struct value = (Struct) guard.apply(change("people", row("a@b", "x"), row("a@b", null))).value();
    String hash = value.getStruct("after").getString("email");
    assertEquals(64, hash.length());
    assertEquals(hash, value.getStruct("before").getString("email"));
    assertEquals("***", value.getStruct("before").getString("note"));
    assertNull(value.getStruct("after").getString("note"));
    Struct other = (Struct) guard.apply(change("people", null, row("c@d", "x"))).value();
    assertNotEquals(hash, other.getStruct("after").getString("email"));
  }

  @Test
  void leavesOtherTablesAndSmallRowsAlone() {
    RowGuard<SourceRecord> guard = guard(Map.of("mask.columns", "public.people.email=redact"));
    SourceRecord record = change("orders", null, row("a@b", "x"));
    assertSame(record, guard.apply(record));
  }

  @Test
  void aLargeRowKeepsItsKeyAndSaysWhy() {
    RowGuard<SourceRecord> guard = guard(Map.of("row.max.bytes", "100"));
    Struct value = (Struct) guard.apply(change("orders", row("e", "x"), row("e", "y".repeat(200)))).value();
    assertEquals("x", value.getStruct("before").getString("note"));
    Struct after = value.getStruct("after");
    assertEquals(7L, after.getInt64("id"));
    assertNull(after.getString("note"));
    assertEquals("the row is larger than 100 bytes or 300 as JSON", after.getString(RowGuard.REJECT));
  }

  @Test
  void everyRecordOfATruncateKeepsItsPartition() {
    RowGuard<SourceRecord> guard = guard(Map.of("mask.columns", "public.people.email=redact"));
    for (String table : new String[] {"people", "orders"}) {
      SourceRecord change = change(table, null, null);
      SourceRecord third = change.newRecord("topic", 2, null, null, ENVELOPE, change.value(), null);
      SourceRecord guarded = guard.apply(third);
      assertEquals(2, guarded.kafkaPartition());
      assertEquals("topic", guarded.topic());
      assertNull(guarded.key());
    }
  }

  @Test
  void controlCharactersCountSixTimes() {
    RowGuard<SourceRecord> guard = guard(Map.of("row.max.bytes", "100"));
    Struct after = ((Struct) guard.apply(change("orders", null, row("e", "\u0001".repeat(60)))).value()).getStruct("after");
    assertNull(after.getString("note"));
  }

  @Test
  void refusesAHashWithoutAKey() {
    assertThrows(ConfigException.class, () -> guard(Map.of("mask.columns", "public.people.email=hash")));
  }
}
