package io.headrace.connect;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Keeps out of Kafka what must not get there: the values of masked columns, and rows too large to be carried.
 *
 * <p>Promise: in every row image of every change event a masked column holds its mask and nothing else, NULL stays NULL;
 * a row image over {@code row.max.bytes} keeps its key columns and is marked with {@value #REJECT}, which the decoder
 * turns into a reject. Records that are no change events pass unchanged. Masked columns become optional strings.
 *
 * @param <R> the kind of record
 */
public class RowGuard<R extends ConnectRecord<R>> implements Transformation<R> {
  /** The field that says why a row image is not the row. */
  public static final String REJECT = "__headrace_reject";

  /** Two images must fit into one Kafka message of 64 MB when rows of 10 MB do. */
  private static final long JSON_FACTOR = 3;

  private static final ConfigDef CONFIG = new ConfigDef()
      .define("row.max.bytes", ConfigDef.Type.LONG, 10L * 1024 * 1024, ConfigDef.Importance.HIGH,
          "The largest row image that is carried, in bytes of its values.")
      .define("mask.columns", ConfigDef.Type.LIST, "", ConfigDef.Importance.HIGH,
          "schema.table.column=hash or schema.table.column=redact, separated by commas.")
      .define("mask.key", ConfigDef.Type.PASSWORD, "", ConfigDef.Importance.HIGH,
          "The secret key of the hash.");

  private final Map<Schema, Schema> _guardedSchemas = new ConcurrentHashMap<>();
  private Masks _masks;
  private long _maxBytes;

  @Override
  public void configure(Map<String, ?> settings) {
    Map<String, Object> parsed = CONFIG.parse(settings);
    _maxBytes = (Long) parsed.get("row.max.bytes");
    _masks = Masks.of(parsed.get("mask.columns"), parsed.get("mask.key"));
  }

  @Override
  public R apply(R record) {
    if (!(record.value() instanceof Struct)) {
      return record;
    }
    Struct envelope = (Struct) record.value();
    Schema schema = envelope.schema();
    if (schema.field("op") == null || schema.field("source") == null || schema.field("after") == null) {
      return record;
    }
    Struct source = envelope.getStruct("source");
    String table = source.getString("schema") + "." + source.getString("table");
    boolean masked = _masks.has(table);
    boolean large = isLarge(envelope.getStruct("before")) || isLarge(envelope.getStruct("after"));
    if (!masked && !large) {
      return record;
    }
    Schema guarded = _guardedSchemas.computeIfAbsent(schema, plain -> guard(plain, table));
    Struct result = new Struct(guarded);
    for (Field field : schema.fields()) {
      boolean image = field.name().equals("before") || field.name().equals("after");
      Object value = envelope.get(field);
      result.put(field.name(), image && value != null
          ? guard((Struct) value, guarded.field(field.name()).schema(), table, record.key()) : value);
    }
    return record.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(), guarded, result,
        record.timestamp(), record.headers());
  }

  private Schema guard(Schema envelope, String table) {
    SchemaBuilder builder = SchemaBuilder.struct().name(envelope.name()).version(envelope.version());
    for (Field field : envelope.fields()) {
      boolean image = field.name().equals("before") || field.name().equals("after");
      builder.field(field.name(), image ? guardImage(field.schema(), table) : field.schema());
    }
    return builder.build();
  }

  private Schema guardImage(Schema image, String table) {
    SchemaBuilder builder = SchemaBuilder.struct().name(image.name()).optional();
    for (Field field : image.fields()) {
      builder.field(field.name(), _masks.has(table, field.name()) ? Schema.OPTIONAL_STRING_SCHEMA : optional(field.schema()));
    }
    return builder.field(REJECT, Schema.OPTIONAL_STRING_SCHEMA).build();
  }

  /** The same type, but a value may be left out: a row too large keeps its key alone. */
  private static Schema optional(Schema schema) {
    if (schema.isOptional() || schema.type() == Schema.Type.STRUCT || schema.type() == Schema.Type.MAP) {
      return schema;
    }
    SchemaBuilder builder = schema.type() == Schema.Type.ARRAY ? SchemaBuilder.array(schema.valueSchema())
        : new SchemaBuilder(schema.type());
    builder.name(schema.name()).version(schema.version()).optional();
    if (schema.parameters() != null) {
      builder.parameters(schema.parameters());
    }
    return builder.build();
  }

  private Struct guard(Struct image, Schema schema, String table, Object key) {
    Struct result = new Struct(schema);
    if (isLarge(image)) {
      if (key instanceof Struct) {
        for (Field field : ((Struct) key).schema().fields()) {
          if (image.schema().field(field.name()) != null) {
            result.put(field.name(), image.get(field.name()));
          }
        }
      }
      result.put(REJECT, "the row is larger than " + _maxBytes + " bytes or " + JSON_FACTOR * _maxBytes + " as JSON");
      return result;
    }
    for (Field field : image.schema().fields()) {
      Object value = image.get(field);
      result.put(field.name(), _masks.has(table, field.name()) ? _masks.mask(table, field.name(), value) : value);
    }
    return result;
  }

  private boolean isLarge(Struct image) {
    if (image == null || RowSize.isSmall(image, _maxBytes)) {
      return false;
    }
    RowSize size = RowSize.of(image);
    return size.valueBytes() > _maxBytes || size.jsonBytes() > JSON_FACTOR * _maxBytes;
  }

  @Override
  public ConfigDef config() {
    return CONFIG;
  }

  @Override
  public void close() {
    _guardedSchemas.clear();
  }
}
