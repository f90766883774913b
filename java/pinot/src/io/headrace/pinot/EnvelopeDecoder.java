package io.headrace.pinot;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.pinot.spi.data.readers.GenericRow;
import org.apache.pinot.spi.stream.StreamMessageDecoder;

/**
 * Turns one Debezium envelope into one row, exactly or not at all.
 *
 * <p>Promise: every record becomes a row, so nothing is dropped in silence; only what a view writes to say how far it is
 * ({@code op} m) is passed over. A value that cannot be carried exactly makes
 * the row a reject: it takes its key out of the answers and says why in {@code __reject}, without the value. The table's
 * contract (JSON of {@code headrace.contract.TableContract}) comes in the property {@code headrace.contract}.
 */
public final class EnvelopeDecoder implements StreamMessageDecoder<byte[]> {
  static final String CONTRACT = "headrace.contract";
  static final String UNAVAILABLE = "headrace.unavailable";

  private static final String PROGRESS = "m";

  /** Says why an image is not the row; null in the images of a table with masks. */
  private static final String MARK = "__headrace_reject";

  private final JsonFactory _factory = new JsonFactory();
  private final ObjectMapper _mapper = new ObjectMapper(_factory)
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
  private final Map<String, Conversion> _columns = new LinkedHashMap<>();
  private final Map<String, Conversion> _keys = new LinkedHashMap<>();
  private final Map<String, Boolean> _ignored = new HashMap<>();
  private String _unavailable;
  private boolean _versioned;

  @Override
  public void init(Map<String, String> props, Set<String> fieldsToRead, String topicName)
      throws Exception {
    JsonNode contract = _mapper.readTree(props.get(CONTRACT));
    for (JsonNode column : contract.get("columns")) {
      _columns.put(column.get("name").asText(), Conversion.valueOf(column.get("conversion").asText().toUpperCase()));
    }
    for (JsonNode key : contract.get("key")) {
      _keys.put(key.asText(), _columns.get(key.asText()));
    }
    for (JsonNode excluded : contract.get("excluded")) {
      _ignored.put(excluded.asText(), true);
    }
    _unavailable = props.get(UNAVAILABLE);
    _versioned = contract.path("versioned").asBoolean(false);
  }

  @Override
  public GenericRow decode(byte[] payload, GenericRow destination) {
    return decode(payload, 0, payload.length, destination);
  }

  @Override
  public GenericRow decode(byte[] payload, int offset, int length, GenericRow row) {
    long kafkaOffset = ByteBuffer.wrap(payload, offset, CommittedBatch.OFFSET_BYTES).getLong();
    row.putValue("__offset", kafkaOffset);
    long version = 0;
    try {
      Envelope envelope =
          readEnvelope(payload, offset + CommittedBatch.OFFSET_BYTES, length - CommittedBatch.OFFSET_BYTES);
      if (_versioned && envelope._op.equals(PROGRESS)) {
        // Pinot's own word for a record that is no row: its offset counts, nothing is stored.
        row.putValue(GenericRow.SKIP_RECORD_KEY, true);
        return row;
      }
      if (_versioned && envelope._version == null) {
        throw new IOException("no version");
      }
      version = _versioned ? envelope._version : 0;
      fill(row, envelope);
    } catch (IOException | RuntimeException e) {
      // Jackson's message may quote the row: only its class is kept.
      reject(row, RowKind.REJECT_WITHOUT_KEY, "the record is no Debezium envelope (" + e.getClass().getSimpleName() + ")");
    }
    if (_versioned) {
      row.putValue("__version", RowKind.of(row.getValue("__kind")).versionCode(version));
    }
    putIfAbsent(row, "__commit_time", 0L);
    putIfAbsent(row, "__op", "");
    putIfAbsent(row, "__reject", "");
    putIfAbsent(row, "__lsn", -1L);
    putIfAbsent(row, "__txid", -1L);
    return row;
  }

  private void fill(GenericRow row, Envelope envelope) {
    row.putValue("__op", envelope._op);
    row.putValue("__commit_time", envelope._commitTimeMs);
    row.putValue("__lsn", envelope._lsn);
    row.putValue("__txid", envelope._txid);
    if (envelope._op.equals("t")) {
      row.putValue("__kind", RowKind.TRUNCATE.code());
      return;
    }
    boolean deleted = envelope._op.equals("d");
    JsonNode image = deleted ? envelope._before : envelope._after;
    try {
      putKey(row, image);
    } catch (RejectedValue e) {
      reject(row, RowKind.REJECT_WITHOUT_KEY, e.getMessage());
      return;
    }
    if (deleted) {
      row.putValue("__kind", RowKind.DELETE.code());
      return;
    }
    JsonNode rejected = image.get(MARK);
    if (rejected != null && !rejected.isNull()) {
      reject(row, RowKind.REJECT, rejected.asText());
      return;
    }
    try {
      putColumns(row, image);
      row.putValue("__kind", RowKind.ROW.code());
    } catch (RejectedValue e) {
      dropColumns(row);
      reject(row, RowKind.REJECT, e.getMessage());
    }
  }

  private void putKey(GenericRow row, JsonNode image)
      throws RejectedValue {
    if (image == null || !image.isObject()) {
      throw new RejectedValue("key", "the record has no row image");
    }
    for (Map.Entry<String, Conversion> key : _keys.entrySet()) {
      JsonNode value = image.get(key.getKey());
      if (value == null || value.isNull()) {
        throw new RejectedValue(key.getKey(), "a key column is missing or NULL");
      }
      key.getValue().put(row, key.getKey(), value);
    }
  }

  private void putColumns(GenericRow row, JsonNode image)
      throws RejectedValue {
    int seen = 0;
    for (Iterator<Map.Entry<String, JsonNode>> fields = image.fields(); fields.hasNext();) {
      Map.Entry<String, JsonNode> field = fields.next();
      Conversion conversion = _columns.get(field.getKey());
      if (conversion == null) {
        if (!_ignored.containsKey(field.getKey()) && !field.getKey().equals(MARK)) {
          row.putValue("__reject", field.getKey() + ": a column the declaration does not know");
        }
        continue;
      }
      seen++;
      JsonNode value = field.getValue();
      if (value.isNull() || _keys.containsKey(field.getKey())) {
        continue;
      }
      if (_unavailable != null && value.isTextual() && value.textValue().equals(_unavailable)) {
        throw new RejectedValue(field.getKey(), "the log does not hold this unchanged value (REPLICA IDENTITY FULL)");
      }
      conversion.put(row, field.getKey(), value);
    }
    if (seen < _columns.size()) {
      row.putValue("__reject", "a declared column is missing from the source");
    }
  }

  private void dropColumns(GenericRow row) {
    for (String column : _columns.keySet()) {
      if (!_keys.containsKey(column)) {
        row.removeValue(column);
        row.removeValue(column + Conversion.MICROS_SUFFIX);
      }
    }
  }

  private static void reject(GenericRow row, RowKind kind, String reason) {
    row.putValue("__kind", kind.code());
    row.putValue("__reject", reason);
  }

  private static void putIfAbsent(GenericRow row, String column, Object value) {
    if (row.getValue(column) == null) {
      row.putValue(column, value);
    }
  }

  private static void readSource(JsonParser parser, Envelope envelope)
      throws IOException {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String field = parser.getCurrentName();
      if (parser.nextToken() != JsonToken.VALUE_NUMBER_INT) {
        parser.skipChildren();
      } else if (field.equals("ts_ms")) {
        envelope._commitTimeMs = parser.getLongValue();
      } else if (field.equals("lsn")) {
        envelope._lsn = parser.getLongValue();
      } else if (field.equals("txId")) {
        envelope._txid = parser.getLongValue();
      }
    }
  }

  /** Reads the fields that are needed; the image before is parsed only when there is none after. */
  private Envelope readEnvelope(byte[] bytes, int offset, int length)
      throws IOException {
    Envelope envelope = new Envelope();
    long beforeStart = -1;
    try (JsonParser parser = _factory.createParser(bytes, offset, length)) {
      parser.setCodec(_mapper);
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("no object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.getCurrentName();
        parser.nextToken();
        if (field.equals("before") && parser.currentToken() == JsonToken.START_OBJECT) {
          beforeStart = parser.getTokenLocation().getByteOffset();
          parser.skipChildren();
        } else if (field.equals("after")) {
          envelope._after = parser.readValueAsTree();
        } else if (field.equals("source") && parser.currentToken() == JsonToken.START_OBJECT) {
          readSource(parser, envelope);
        } else if (field.equals("op")) {
          envelope._op = parser.getText();
        } else if (field.equals("version") && parser.currentToken() == JsonToken.VALUE_NUMBER_INT) {
          envelope._version = parser.getLongValue();
        } else {
          parser.skipChildren();
        }
      }
    }
    if (envelope._op == null) {
      throw new IOException("no operation");
    }
    if (envelope._op.equals("d") && beforeStart >= 0) {
      int start = offset + (int) beforeStart;
      try (JsonParser parser = _factory.createParser(bytes, start, offset + length - start)) {
        parser.setCodec(_mapper);
        envelope._before = parser.readValueAsTree();
      }
    }
    return envelope;
  }

  private static final class Envelope {
    private JsonNode _before;
    private JsonNode _after;
    private long _commitTimeMs;
    private long _lsn = -1;
    private long _txid = -1;
    private String _op;
    private Long _version;
  }
}
