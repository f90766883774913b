package io.headrace.connect;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.io.SerializedString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/**
 * Writes the values of one schema as JSON, in the way of {@code JsonConverter} without schemas: what can be known of the
 * schema is looked up once.
 */
final class StructWriter {
  /** Types whose values {@code JsonConverter} writes in ways of their own. */
  private static final Set<String> LOGICAL_TYPES =
      Set.of(Decimal.LOGICAL_NAME, Date.LOGICAL_NAME, Time.LOGICAL_NAME, Timestamp.LOGICAL_NAME);

  private final Schema _schema;
  private final Schema.Type _type;
  private final boolean _optional;
  /** Of a struct's fields, or one of an array's elements; empty otherwise. */
  private final StructWriter[] _parts;
  private final Field[] _fields;
  private final SerializedString[] _names;
  /** Of a field with a default: {@link Struct#get(Field)} would put it in the place of NULL. */
  private final boolean[] _hasDefault;

  private StructWriter(Schema schema, StructWriter[] parts) {
    _schema = schema;
    _type = schema.type();
    _optional = schema.isOptional();
    _parts = parts;
    _fields = _type == Schema.Type.STRUCT ? schema.fields().toArray(new Field[0]) : new Field[0];
    _names = new SerializedString[_fields.length];
    _hasDefault = new boolean[_fields.length];
    for (int i = 0; i < _fields.length; i++) {
      _names[i] = new SerializedString(_fields[i].name());
      _hasDefault[i] = _fields[i].schema().defaultValue() != null;
    }
  }

  /** The writer of a schema; empty when it holds anything that must be left to {@code JsonConverter}. */
  static Optional<StructWriter> of(Schema schema) {
    if (schema.type() == Schema.Type.MAP || schema.name() != null && LOGICAL_TYPES.contains(schema.name())) {
      return Optional.empty();
    }
    List<Schema> inner = schema.type() == Schema.Type.STRUCT ? schema.fields().stream().map(Field::schema).toList()
        : schema.type() == Schema.Type.ARRAY ? List.of(schema.valueSchema()) : List.of();
    StructWriter[] parts = new StructWriter[inner.size()];
    for (int i = 0; i < parts.length; i++) {
      Optional<StructWriter> part = of(inner.get(i));
      if (part.isEmpty()) {
        return Optional.empty();
      }
      parts[i] = part.get();
    }
    return Optional.of(new StructWriter(schema, parts));
  }

  void write(Object value, JsonGenerator json)
      throws IOException {
    if (value == null) {
      if (!_optional) {
        throw new DataException("a required value is NULL");
      }
      json.writeNull();
      return;
    }
    try {
      writeValue(value, json);
    } catch (ClassCastException e) {
      throw new DataException("no value of type " + _type + ": " + value.getClass());
    }
  }

  private void writeValue(Object value, JsonGenerator json)
      throws IOException {
    switch (_type) {
      case STRING:
        json.writeString(((CharSequence) value).toString());
        break;
      case INT64:
        json.writeNumber(((Long) value).longValue());
        break;
      case INT32:
        json.writeNumber(((Integer) value).intValue());
        break;
      case INT16:
        json.writeNumber(((Short) value).shortValue());
        break;
      case INT8:
        json.writeNumber(((Byte) value).intValue());
        break;
      case BOOLEAN:
        json.writeBoolean((Boolean) value);
        break;
      case FLOAT64:
        json.writeNumber(((Double) value).doubleValue());
        break;
      case FLOAT32:
        json.writeNumber(((Float) value).floatValue());
        break;
      case BYTES:
        json.writeBinary(value instanceof ByteBuffer ? ((ByteBuffer) value).array() : (byte[]) value);
        break;
      case STRUCT:
        writeStruct((Struct) value, json);
        break;
      case ARRAY:
        json.writeStartArray();
        for (Object element : (Collection<?>) value) {
          _parts[0].write(element, json);
        }
        json.writeEndArray();
        break;
      default:
        throw new DataException("no writer of type " + _type);
    }
  }

  private void writeStruct(Struct struct, JsonGenerator json)
      throws IOException {
    if (!struct.schema().equals(_schema)) {
      throw new DataException("the value is of another schema");
    }
    json.writeStartObject();
    for (int i = 0; i < _fields.length; i++) {
      json.writeFieldName(_names[i]);
      _parts[i].write(_hasDefault[i] ? struct.getWithoutDefault(_fields[i].name()) : struct.get(_fields[i]), json);
    }
    json.writeEndObject();
  }
}
