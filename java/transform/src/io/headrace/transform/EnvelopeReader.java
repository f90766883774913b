package io.headrace.transform;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.StringWriter;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A record of the base topic (offset, value) as a struct: {@code op, ts_ms, lsn, txId, before, after}.
 *
 * <p>Promise: an image holds the columns that were asked for and {@link #MARK}; a value that has not its column's type
 * leaves NULL and sets {@link #BROKEN}, it is never turned into another value. What is no Debezium envelope, and where it
 * was asked for a TRUNCATE, ends the query with a {@link Stop}.
 *
 * <p>Written for the first minute: Spark's own {@code from_json} reads images a second time, from their text, and takes
 * thousands of methods that nothing has compiled yet.
 */
final class EnvelopeReader implements UDF2<Long, byte[], Row> {
  static final String MARK = "__headrace_reject";
  static final String BROKEN = "__broken";
  private static final long serialVersionUID = 1L;
  private static final JsonFactory JSON = new JsonFactory();
  private static final Set<String> OPERATIONS = Set.of("c", "r", "u", "d", "t", "m");

  private final Type[] _types;
  private final Map<String, Integer> _places = new HashMap<>();
  private final boolean _stopsAtTruncate;

  private enum Type { TEXT, LONG, BOOLEAN }

  /**
   * @param image the columns of an image: BIGINT, BOOLEAN or STRING each
   */
  EnvelopeReader(StructType image, boolean stopsAtTruncate) {
    StructField[] fields = image.fields();
    _types = new Type[fields.length + 1];
    for (int at = 0; at < fields.length; at++) {
      _types[at] = type(fields[at].dataType());
      _places.put(fields[at].name(), at);
    }
    _types[fields.length] = Type.TEXT;
    _places.put(MARK, fields.length);
    _stopsAtTruncate = stopsAtTruncate;
  }

  private static Type type(DataType type) {
    if (type.equals(DataTypes.LongType)) {
      return Type.LONG;
    }
    if (type.equals(DataTypes.BooleanType)) {
      return Type.BOOLEAN;
    }
    if (type.equals(DataTypes.StringType)) {
      return Type.TEXT;
    }
    throw new IllegalArgumentException("image: " + type.sql() + " is not read from envelopes");
  }

  /** What {@link #call} gives. */
  static StructType result(StructType image) {
    StructType marked = image.add(MARK, DataTypes.StringType).add(BROKEN, DataTypes.BooleanType);
    return new StructType().add("op", DataTypes.StringType).add("ts_ms", DataTypes.LongType)
        .add("lsn", DataTypes.LongType).add("txId", DataTypes.LongType).add("before", marked).add("after", marked);
  }

  @Override
  public Row call(Long offset, byte[] value)
      throws IOException {
    String operation = null;
    Object[] source = new Object[3];
    Row before = null;
    Row after = null;
    try (JsonParser parser = JSON.createParser(value)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new Stopped(Stop.text(Stop.UNREADABLE, offset));
      }
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String name = parser.currentName();
        JsonToken token = parser.nextToken();
        switch (name) {
          case "op" -> operation = token == JsonToken.VALUE_STRING ? parser.getText() : null;
          case "before" -> before = image(parser);
          case "after" -> after = image(parser);
          case "source" -> source = source(parser);
          default -> parser.skipChildren();
        }
      }
    } catch (JsonProcessingException e) {
      // Its text quotes the record.
      throw new Stopped(Stop.text(Stop.UNREADABLE, offset));
    }
    if (operation == null || !OPERATIONS.contains(operation)) {
      throw new Stopped(Stop.text(Stop.UNREADABLE, offset));
    }
    if (_stopsAtTruncate && operation.equals("t")) {
      throw new Stopped(Stop.text(Stop.TRUNCATE, offset, source[0], source[1], source[2]));
    }
    boolean update = operation.equals("u");
    boolean added = update || operation.equals("c") || operation.equals("r");
    return RowFactory.create(operation, source[0], source[1], source[2],
        update || operation.equals("d") ? before : null, added ? after : null);
  }

  private Row image(JsonParser parser)
      throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_NULL) {
      return null;
    }
    Object[] values = new Object[_types.length + 1];
    boolean broken = parser.currentToken() != JsonToken.START_OBJECT;
    if (broken) {
      parser.skipChildren();
    } else {
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        Integer place = _places.get(parser.currentName());
        JsonToken token = parser.nextToken();
        if (place == null) {
          parser.skipChildren();
        } else if (token != JsonToken.VALUE_NULL) {
          values[place] = value(parser, token, _types[place]);
          broken |= values[place] == null;
        }
      }
    }
    values[_types.length] = broken;
    return RowFactory.create(values);
  }

  /** The value, or null where it has not the type. */
  private static Object value(JsonParser parser, JsonToken token, Type type)
      throws IOException {
    if (type == Type.TEXT) {
      return token.isScalarValue() ? parser.getText() : structure(parser);
    }
    if (type == Type.LONG && token == JsonToken.VALUE_NUMBER_INT) {
      return parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER ? null : (Object) parser.getLongValue();
    }
    if (type == Type.BOOLEAN && token.isBoolean()) {
      return token == JsonToken.VALUE_TRUE;
    }
    parser.skipChildren();
    return null;
  }

  private static String structure(JsonParser parser)
      throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = JSON.createGenerator(text)) {
      generator.copyCurrentStructure(parser);
    }
    return text.toString();
  }

  private static Object[] source(JsonParser parser)
      throws IOException {
    Object[] found = new Object[3];
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return found;
    }
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      JsonToken token = parser.nextToken();
      int place = switch (name) {
        case "ts_ms" -> 0;
        case "lsn" -> 1;
        case "txId" -> 2;
        default -> -1;
      };
      if (place >= 0) {
        found[place] = value(parser, token, Type.LONG);
      } else {
        parser.skipChildren();
      }
    }
    return found;
  }

  /** Nobody looks at its stack. */
  private static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Stopped(String text) {
      super(text, null, false, false);
    }
  }
}
