package io.headrace.connect;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.json.JsonConverter;
import org.junit.jupiter.api.Test;

class StructJsonConverterTest {
  private static final Map<String, String> OURS =
      Map.of("schemas.enable", "false", "replace.null.with.default", "false");
  private static final int CASES = 5000;
  private static final int DEPTH = 4;

  /** What Debezium gives PostgreSQL's types under our settings: names that mean something to nobody but the reader. */
  private static final Map<String, Schema.Type> SEMANTIC_TYPES = Map.ofEntries(
      Map.entry("io.debezium.time.Date", Schema.Type.INT32),
      Map.entry("io.debezium.time.MicroTime", Schema.Type.INT64),
      Map.entry("io.debezium.time.MicroTimestamp", Schema.Type.INT64),
      Map.entry("io.debezium.time.ZonedTimestamp", Schema.Type.STRING),
      Map.entry("io.debezium.time.ZonedTime", Schema.Type.STRING),
      Map.entry("io.debezium.time.Interval", Schema.Type.STRING),
      Map.entry("io.debezium.data.Json", Schema.Type.STRING),
      Map.entry("io.debezium.data.Xml", Schema.Type.STRING),
      Map.entry("io.debezium.data.Uuid", Schema.Type.STRING),
      Map.entry("io.debezium.data.Enum", Schema.Type.STRING),
      Map.entry("io.debezium.data.Ltree", Schema.Type.STRING),
      Map.entry("io.debezium.data.Bits", Schema.Type.BYTES),
      Map.entry("io.debezium.data.SparseVector", Schema.Type.STRING));

  private static final String[] TEXTS = {"", "plain", "\"quoted\" \\ / \b\f\n\r\t", "\u0000\u0001\u001f\u007f\u0080", "äöü €",
      "𝄞 music", "\u2028\u2029\ufeff", "x".repeat(3000), "é\u0007".repeat(5000), "__debezium_unavailable_value"};

  private final Random _random = new Random(20261126);

  private static StructJsonConverter ours(Map<String, String> settings, boolean isKey) {
    StructJsonConverter converter = new StructJsonConverter();
    converter.configure(settings, isKey);
    return converter;
  }

  private static JsonConverter stock(Map<String, String> settings, boolean isKey) {
    JsonConverter converter = new JsonConverter();
    converter.configure(settings, isKey);
    return converter;
  }

  @Test
  void writesTheSameBytesForAnySchemaAndValue() {
    for (boolean isKey : new boolean[] {false, true}) {
      StructJsonConverter ours = ours(OURS, isKey);
      JsonConverter stock = stock(OURS, isKey);
      int straight = 0;
      for (int i = 0; i < CASES; i++) {
        Schema schema = struct(DEPTH, _random.nextInt(4) == 0);
        straight += StructWriter.of(schema).isPresent() ? 1 : 0;
        for (int row = 0; row < 3; row++) {
          Object value = value(schema);
          assertArrayEquals(stock.fromConnectData("t", schema, value), ours.fromConnectData("t", schema, value),
              () -> new String(stock.fromConnectData("t", schema, value), StandardCharsets.UTF_8));
        }
      }
      assertTrue(straight > CASES / 2 && straight < CASES, straight + " of " + CASES + " were written straight");
    }
  }

  @Test
  void writesTheSameBytesWithSchemasAndDefaultsToo() {
    for (Map<String, String> settings : List.of(Map.of("schemas.enable", "true"), Map.of("schemas.enable", "false"),
        Map.of("schemas.enable", "false", "decimal.format", "NUMERIC"))) {
      StructJsonConverter ours = ours(settings, false);
      JsonConverter stock = stock(settings, false);
      for (int i = 0; i < CASES / 10; i++) {
        Schema schema = struct(DEPTH, true);
        Object value = value(schema);
        assertArrayEquals(stock.fromConnectData("t", schema, value), ours.fromConnectData("t", schema, value));
      }
    }
  }

  @Test
  void writesNumbersAtTheirEdges() {
    Schema schema = SchemaBuilder.struct().field("d", Schema.FLOAT64_SCHEMA).field("f", Schema.FLOAT32_SCHEMA)
        .field("l", Schema.INT64_SCHEMA).field("i", Schema.INT32_SCHEMA).field("s", Schema.INT16_SCHEMA)
        .field("b", Schema.INT8_SCHEMA).build();
    double[] doubles = {0.0, -0.0, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MIN_VALUE,
        Double.MAX_VALUE, 0.1, 1e21, 1.0E-7, 123456789.125};
    StructJsonConverter ours = ours(OURS, false);
    JsonConverter stock = stock(OURS, false);
    for (double number : doubles) {
      for (long edge : new long[] {0, Long.MIN_VALUE, Long.MAX_VALUE, Integer.MIN_VALUE, -128}) {
        Struct row = new Struct(schema).put("d", number).put("f", (float) number).put("l", edge).put("i", (int) edge)
            .put("s", (short) edge).put("b", (byte) edge);
        assertArrayEquals(stock.fromConnectData("t", schema, row), ours.fromConnectData("t", schema, row));
      }
    }
  }

  @Test
  void leavesTombstonesAndValuesWithoutASchemaToTheStockConverter() {
    StructJsonConverter ours = ours(OURS, false);
    assertNull(ours.fromConnectData("t", null, null));
    Map<String, Object> loose = Map.of("a", 1);
    assertArrayEquals(stock(OURS, false).fromConnectData("t", null, loose), ours.fromConnectData("t", null, loose));
    assertEquals(Map.of("a", 1L), ours.toConnectData("t", ours.fromConnectData("t", null, loose)).value());
  }

  @Test
  void refusesWhatTheStockConverterRefusesWithoutQuotingIt() {
    Schema schema = SchemaBuilder.struct().field("a", Schema.STRING_SCHEMA).build();
    Schema other = SchemaBuilder.struct().field("a", Schema.OPTIONAL_STRING_SCHEMA).build();
    List<Object> wrong = List.of(new Struct(schema), new Struct(other).put("a", "secret"), "secret");
    for (Object value : wrong) {
      assertThrows(DataException.class, () -> stock(OURS, false).fromConnectData("t", schema, value));
      DataException refused =
          assertThrows(DataException.class, () -> ours(OURS, false).fromConnectData("t", schema, value));
      assertFalse(refused.getMessage().contains("secret"));
    }
  }

  private Schema schema(int depth, boolean anything) {
    int kind = _random.nextInt(depth > 0 ? 10 : 7);
    if (kind < 4) {
      return plain();
    }
    if (kind < 7) {
      return anything && _random.nextInt(4) == 0 ? logical() : semantic();
    }
    if (kind == 7) {
      return struct(depth - 1, anything);
    }
    if (kind == 8 && anything) {
      Schema key = _random.nextBoolean() ? Schema.STRING_SCHEMA : Schema.INT32_SCHEMA;
      return finish(SchemaBuilder.map(key, schema(depth - 1, true)));
    }
    return finish(SchemaBuilder.array(schema(depth - 1, anything)));
  }

  private Schema struct(int depth, boolean anything) {
    SchemaBuilder builder = SchemaBuilder.struct().name("row");
    int fields = _random.nextInt(7);
    for (int i = 0; i < fields; i++) {
      builder.field(_random.nextInt(5) == 0 ? i + "\"ñ\\ \n" : "c" + i, schema(depth, anything));
    }
    return finish(builder);
  }

  private Schema plain() {
    Schema.Type[] types = {Schema.Type.INT8, Schema.Type.INT16, Schema.Type.INT32, Schema.Type.INT64, Schema.Type.FLOAT32,
        Schema.Type.FLOAT64, Schema.Type.BOOLEAN, Schema.Type.STRING, Schema.Type.BYTES};
    SchemaBuilder builder = new SchemaBuilder(types[_random.nextInt(types.length)]);
    if (_random.nextInt(3) == 0) {
      builder.defaultValue(primitive(builder.type()));
    }
    return finish(builder);
  }

  private Schema semantic() {
    List<String> names = new ArrayList<>(SEMANTIC_TYPES.keySet());
    names.sort(null);
    String name = names.get(_random.nextInt(names.size()));
    return finish(new SchemaBuilder(SEMANTIC_TYPES.get(name)).name(name).version(1).parameter("length", "3"));
  }

  private Schema logical() {
    SchemaBuilder[] builders = {Decimal.builder(2), Date.builder(), Time.builder(), Timestamp.builder()};
    return finish(builders[_random.nextInt(builders.length)]);
  }

  private Schema finish(SchemaBuilder builder) {
    return (_random.nextBoolean() ? builder.optional() : builder).build();
  }

  private Object value(Schema schema) {
    if (schema.isOptional() && _random.nextInt(4) == 0) {
      return null;
    }
    if (Decimal.LOGICAL_NAME.equals(schema.name())) {
      return BigDecimal.valueOf(_random.nextLong(), 2);
    }
    if (Date.LOGICAL_NAME.equals(schema.name())) {
      return new java.util.Date(_random.nextInt(20_000) * 86_400_000L);
    }
    if (Time.LOGICAL_NAME.equals(schema.name()) || Timestamp.LOGICAL_NAME.equals(schema.name())) {
      return new java.util.Date(_random.nextInt(86_400_000));
    }
    switch (schema.type()) {
      case STRUCT:
        Struct struct = new Struct(schema);
        for (Field field : schema.fields()) {
          struct.put(field, value(field.schema()));
        }
        return struct;
      case ARRAY:
        List<Object> list = new ArrayList<>();
        for (int i = _random.nextInt(4); i > 0; i--) {
          list.add(value(schema.valueSchema()));
        }
        return list;
      case MAP:
        Map<Object, Object> map = new HashMap<>();
        for (int i = _random.nextInt(4); i > 0; i--) {
          map.put(primitive(schema.keySchema().type()), value(schema.valueSchema()));
        }
        return map;
      default:
        return primitive(schema.type());
    }
  }

  private Object primitive(Schema.Type type) {
    switch (type) {
      case INT8:
        return (byte) _random.nextInt();
      case INT16:
        return (short) _random.nextInt();
      case INT32:
        return _random.nextInt();
      case INT64:
        return _random.nextInt(3) == 0 ? (long) _random.nextInt(100) : _random.nextLong();
      case FLOAT32:
        return Float.intBitsToFloat(_random.nextInt());
      case FLOAT64:
        return _random.nextBoolean() ? _random.nextInt(1000) / 8.0 : Double.longBitsToDouble(_random.nextLong());
      case BOOLEAN:
        return _random.nextBoolean();
      case STRING:
        return TEXTS[_random.nextInt(TEXTS.length)];
      default:
        byte[] bytes = new byte[_random.nextInt(10)];
        _random.nextBytes(bytes);
        return _random.nextBoolean() ? bytes : ByteBuffer.wrap(bytes);
    }
  }
}
