package io.headrace.pinot;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.utils.Bytes;
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
public final class EnvelopeDecoder implements StreamMessageDecoder<ConsumerRecord<String, Bytes>> {
  static final String CONTRACT = "headrace.contract";
  static final String UNAVAILABLE = "headrace.unavailable";

  private static final String PROGRESS = "m";

  private final JsonFactory _factory = new JsonFactory();
  private final ObjectMapper _mapper = new ObjectMapper(_factory)
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);
  private ImageReader _images;
  private boolean _versioned;

  @Override
  public void init(Map<String, String> props, Set<String> fieldsToRead, String topicName)
      throws Exception {
    JsonNode contract = _mapper.readTree(props.get(CONTRACT));
    _images = new ImageReader(contract, props.get(UNAVAILABLE));
    _versioned = contract.path("versioned").asBoolean(false);
  }

  /** Offset and length speak of payloads that are arrays: a record is none, and they are not used. */
  @Override
  public GenericRow decode(ConsumerRecord<String, Bytes> record, int offset, int length, GenericRow row) {
    return decode(record, row);
  }

  @Override
  public GenericRow decode(ConsumerRecord<String, Bytes> record, GenericRow row) {
    Envelope envelope = new Envelope();
    long version = 0;
    try {
      readEnvelope(record.value().get(), envelope, row);
      if (_versioned && envelope._op.equals(PROGRESS)) {
        // Pinot's own word for a record that is no row: its offset counts, nothing is stored.
        row.putValue(GenericRow.SKIP_RECORD_KEY, true);
        return row;
      }
      if (_versioned && envelope._version == null) {
        throw new IOException("no version");
      }
      version = _versioned ? envelope._version : 0;
    } catch (IOException | RuntimeException e) {
      _images.clear(row);
      // Jackson's message may quote the row: only its class is kept.
      envelope = Envelope.broken("the record is no Debezium envelope (" + e.getClass().getSimpleName() + ")");
    }
    ImageReader.Outcome outcome = envelope._outcome;
    row.putValue("__offset", record.offset());
    row.putValue("__kind", outcome.kind().code());
    row.putValue("__reject", outcome.reason());
    row.putValue("__op", envelope._op);
    row.putValue("__commit_time", envelope._commitTimeMs);
    row.putValue("__lsn", envelope._lsn);
    row.putValue("__txid", envelope._txid);
    if (_versioned) {
      row.putValue("__version", outcome.kind().versionCode(version));
    }
    return row;
  }

  /** Reads the fields that are needed; the image before is read only when the row is gone. */
  private void readEnvelope(byte[] bytes, Envelope envelope, GenericRow row)
      throws IOException {
    int before = -1;
    try (JsonParser parser = parser(bytes, 0)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("no object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.getCurrentName();
        parser.nextToken();
        if (field.equals("before") && parser.currentToken() == JsonToken.START_OBJECT) {
          before = (int) parser.getTokenLocation().getByteOffset();
          parser.skipChildren();
        } else if (field.equals("after")) {
          envelope._outcome = _images.read(parser, row);
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
    if (envelope._op.equals("t")) {
      _images.clear(row);
      envelope._outcome = new ImageReader.Outcome(RowKind.TRUNCATE, "");
    } else if (envelope._op.equals("d")) {
      _images.clear(row);
      envelope._outcome = before < 0 ? ImageReader.NO_IMAGE : readKey(bytes, before, row);
    } else if (envelope._op.isEmpty()) {
      throw new IOException("no operation");
    }
  }

  private ImageReader.Outcome readKey(byte[] bytes, int start, GenericRow row)
      throws IOException {
    try (JsonParser parser = parser(bytes, start)) {
      parser.nextToken();
      return _images.readKey(parser, row);
    }
  }

  private JsonParser parser(byte[] bytes, int start)
      throws IOException {
    JsonParser parser = _factory.createParser(bytes, start, bytes.length - start);
    parser.setCodec(_mapper);
    return parser;
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

  /** What an envelope says beside the columns, which go into the row at once. */
  private static final class Envelope {
    private ImageReader.Outcome _outcome = ImageReader.NO_IMAGE;
    private long _commitTimeMs;
    private long _lsn = -1;
    private long _txid = -1;
    private String _op = "";
    private Long _version;

    private static Envelope broken(String reason) {
      Envelope envelope = new Envelope();
      envelope._outcome = new ImageReader.Outcome(RowKind.REJECT_WITHOUT_KEY, reason);
      return envelope;
    }
  }
}
