package io.headrace.pinot;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.pinot.spi.data.readers.GenericRow;

/**
 * Reads the image of a row, field by field, into Pinot's row, which is empty before.
 *
 * <p>Promise: the row has every declared column of the image exactly ({@link RowKind#ROW}), or nothing but the key beside a
 * reason, or, without a key, nothing. A reason of ours names a column, never a value.
 */
final class ImageReader {
  /** Says why an image is not the row; null in the images of a table with masks. */
  private static final String MARK = "__headrace_reject";
  static final Outcome NO_IMAGE = new Outcome(RowKind.REJECT_WITHOUT_KEY, "key: the record has no row image");
  private static final Outcome COMPLETE = new Outcome(RowKind.ROW, "");
  private static final Outcome GONE = new Outcome(RowKind.DELETE, "");

  private final Map<String, Column> _columns = new HashMap<>();
  private final List<Column> _keys = new ArrayList<>();
  private final Set<String> _ignored = new HashSet<>();
  private final String _unavailable;

  /**
   * @param contract JSON of {@code headrace.contract.TableContract}
   * @param unavailable what stands for a value the log does not hold; may be null
   */
  ImageReader(JsonNode contract, String unavailable) {
    Set<String> keys = new LinkedHashSet<>();
    contract.get("key").forEach(key -> keys.add(key.asText()));
    for (JsonNode column : contract.get("columns")) {
      String name = column.get("name").asText();
      Conversion conversion = Conversion.valueOf(column.get("conversion").asText().toUpperCase());
      _columns.put(name, Column.of(name, conversion, keys.contains(name)));
    }
    keys.forEach(key -> _keys.add(_columns.get(key)));
    contract.get("excluded").forEach(excluded -> _ignored.add(excluded.asText()));
    _unavailable = unavailable;
  }

  /** What became of an image; the reason is empty where all is as it should be. */
  record Outcome(RowKind kind, String reason) {
  }

  /** Reads the whole image; the parser stands at its first token, and at its last one afterwards. */
  Outcome read(JsonParser parser, GenericRow row)
      throws IOException {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return NO_IMAGE;
    }
    String keyProblem = null;
    String problem = null;
    String mark = null;
    String remark = null;
    int seen = 0;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String field = parser.getCurrentName();
      boolean isNull = parser.nextToken() == JsonToken.VALUE_NULL;
      Column column = _columns.get(field);
      if (column != null) {
        seen++;
        String found = isNull ? null : put(row, column, parser);
        if (column.isKey()) {
          keyProblem = first(keyProblem, found);
        } else {
          problem = first(problem, found);
        }
      } else if (field.equals(MARK)) {
        mark = isNull ? null : parser.getText();
      } else if (!_ignored.contains(field)) {
        remark = field + ": a column the declaration does not know";
      }
      parser.skipChildren();
    }
    keyProblem = first(keyProblem, missingKey(row));
    if (keyProblem != null) {
      clear(row);
      return new Outcome(RowKind.REJECT_WITHOUT_KEY, keyProblem);
    }
    problem = first(mark, problem);
    if (problem != null) {
      keepKey(row);
      return new Outcome(RowKind.REJECT, problem);
    }
    if (seen < _columns.size()) {
      return new Outcome(RowKind.ROW, "a declared column is missing from the source");
    }
    return remark == null ? COMPLETE : new Outcome(RowKind.ROW, remark);
  }

  /** Reads the key only, of a row that is gone: its other values matter to nobody. */
  Outcome readKey(JsonParser parser, GenericRow row)
      throws IOException {
    String problem = null;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      Column column = _columns.get(parser.getCurrentName());
      if (parser.nextToken() != JsonToken.VALUE_NULL && column != null && column.isKey()) {
        problem = first(problem, put(row, column, parser));
      }
      parser.skipChildren();
    }
    problem = first(problem, missingKey(row));
    if (problem != null) {
      clear(row);
      return new Outcome(RowKind.REJECT_WITHOUT_KEY, problem);
    }
    return GONE;
  }

  /** Takes all columns of the source out of the row. */
  void clear(GenericRow row) {
    for (Column column : _columns.values()) {
      remove(row, column);
    }
  }

  private void keepKey(GenericRow row) {
    for (Column column : _columns.values()) {
      if (!column.isKey()) {
        remove(row, column);
      }
    }
  }

  private static void remove(GenericRow row, Column column) {
    row.removeValue(column.name());
    if (column.microsName() != null) {
      row.removeValue(column.microsName());
    }
  }

  /** Null, or why the value is not in the row. */
  private String put(GenericRow row, Column column, JsonParser parser)
      throws IOException {
    if (_unavailable != null && !column.isKey() && parser.currentToken() == JsonToken.VALUE_STRING
        && parser.getText().equals(_unavailable)) {
      return column.name() + ": the log does not hold this unchanged value (REPLICA IDENTITY FULL)";
    }
    try {
      column.conversion().put(row, column, parser);
      return null;
    } catch (RejectedValue e) {
      return e.getMessage();
    }
  }

  private String missingKey(GenericRow row) {
    for (Column key : _keys) {
      if (row.getValue(key.name()) == null) {
        return key.name() + ": a key column is missing or NULL";
      }
    }
    return null;
  }

  private static String first(String one, String other) {
    return one == null ? other : one;
  }
}
