package io.headrace.connect;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.json.JsonConverterConfig;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.ConverterConfig;
import org.apache.kafka.connect.storage.ConverterType;

/**
 * Kafka Connect's {@link JsonConverter}, faster: it writes the values straight into bytes, where that one builds a tree of
 * them first.
 *
 * <p>Promise: byte for byte what {@link JsonConverter} writes under the same settings. What {@link StructWriter} does not
 * write (maps, the logical types of Kafka Connect, values without a schema, messages that carry their schema) goes through
 * {@link JsonConverter} itself, as does everything that is read.
 *
 * <p>Not thread-safe, like every converter: a task has its own.
 */
public class StructJsonConverter implements Converter {
  /** A table that changes has a schema after each change; beyond so many they are looked at anew. */
  private static final int MAX_SCHEMAS = 1000;

  private final JsonConverter _stock = new JsonConverter();
  private final JsonFactory _factory = new JsonFactory();
  /** By identity: comparing two schemas costs more than writing a row. Empty: not for us. */
  private final Map<Schema, Optional<StructWriter>> _writers = new IdentityHashMap<>();
  private boolean _plain;

  @Override
  public ConfigDef config() {
    return _stock.config();
  }

  @Override
  public void configure(Map<String, ?> settings, boolean isKey) {
    _stock.configure(settings, isKey);
    Map<String, Object> all = new HashMap<>(settings);
    all.put(ConverterConfig.TYPE_CONFIG, (isKey ? ConverterType.KEY : ConverterType.VALUE).getName());
    JsonConverterConfig parsed = new JsonConverterConfig(all);
    _plain = !parsed.schemasEnabled() && !parsed.replaceNullWithDefault();
  }

  @Override
  public byte[] fromConnectData(String topic, Schema schema, Object value) {
    if (!_plain || schema == null || value == null) {
      return _stock.fromConnectData(topic, schema, value);
    }
    StructWriter writer = writer(schema);
    if (writer == null) {
      return _stock.fromConnectData(topic, schema, value);
    }
    try (ByteArrayBuilder bytes = new ByteArrayBuilder(_factory._getBufferRecycler())) {
      try (JsonGenerator json = _factory.createGenerator(bytes, JsonEncoding.UTF8)) {
        writer.write(value, json);
      }
      return bytes.getClearAndRelease();
    } catch (IOException e) {
      // Its own message may quote the value.
      throw new DataException("the record cannot be written as JSON (" + e.getClass().getSimpleName() + ")");
    }
  }

  @Override
  public SchemaAndValue toConnectData(String topic, byte[] value) {
    return _stock.toConnectData(topic, value);
  }

  @Override
  public void close() {
    _stock.close();
    _writers.clear();
  }

  private StructWriter writer(Schema schema) {
    Optional<StructWriter> known = _writers.get(schema);
    if (known == null) {
      if (_writers.size() >= MAX_SCHEMAS) {
        _writers.clear();
      }
      known = StructWriter.of(schema);
      _writers.put(schema, known);
    }
    return known.orElse(null);
  }
}
