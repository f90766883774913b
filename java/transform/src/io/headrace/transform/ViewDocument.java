package io.headrace.transform;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What one view computes, as {@code headrace.hops.transform} writes it; all expressions are Spark SQL.
 *
 * <p>Promise: complete and well-formed as JSON. Whether Spark understands the expressions shows when the query is built.
 *
 * @param json the document as it came, to be compared and handed back
 * @param image the columns of the base table's row that are needed, as Spark DDL
 * @param reject over the image: why a row cannot be carried, NULL when it can
 * @param rowKey over the image: the base table's key as text
 * @param where over the typed columns; null lets every row pass
 * @param sums what one row adds to its group
 * @param columns the fields of a result
 */
record ViewDocument(JsonNode json, String name, Kind kind, String bootstrap, String input, String output, String image,
    List<Named> values, String reject, String rowKey, String where, List<Named> group, List<Named> sums,
    List<Named> columns) {
  enum Kind { ROWS, GROUPS }

  /** An expression and the name of what it gives. */
  record Named(String name, String expr) {
  }

  static final Pattern NAME = Pattern.compile("[A-Za-z0-9_]{1,200}");
  private static final Set<String> FIELDS = Set.of("name", "kind", "bootstrap", "input", "output", "image", "values",
      "reject", "row_key", "where", "group", "sums", "columns");

  static ViewDocument parse(JsonNode json, String name)
      throws Refused {
    require(json != null && json.isObject(), "the document is no JSON object");
    json.fieldNames().forEachRemaining(field -> {
      if (!FIELDS.contains(field)) {
        throw new UnknownField(field);
      }
    });
    require(text(json, "name").equals(name), "the document's name is not the one in the address");
    Kind kind = switch (text(json, "kind")) {
      case "rows" -> Kind.ROWS;
      case "groups" -> Kind.GROUPS;
      default -> throw new Refused("document-refused", "kind: neither rows nor groups");
    };
    boolean groups = kind == Kind.GROUPS;
    return new ViewDocument(json, name, kind, text(json, "bootstrap"), text(topic(json, "input"), "topic"),
        text(topic(json, "output"), "topic"), text(json, "image"), named(json, "values", false), text(json, "reject"),
        text(json, "row_key"), json.hasNonNull("where") ? text(json, "where") : null, named(json, "group", groups),
        named(json, "sums", groups), named(json, "columns", true));
  }

  private static JsonNode topic(JsonNode json, String field)
      throws Refused {
    require(json.path(field).isObject(), field + ": an object with a topic is needed");
    return json.get(field);
  }

  private static String text(JsonNode json, String field)
      throws Refused {
    require(json.path(field).isTextual() && !json.get(field).textValue().isBlank(), field + ": a text is needed");
    return json.get(field).textValue();
  }

  private static List<Named> named(JsonNode json, String field, boolean needed)
      throws Refused {
    if (!json.hasNonNull(field)) {
      require(!needed, field + ": is missing");
      return List.of();
    }
    require(json.get(field).isArray(), field + ": a list is needed");
    List<Named> found = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (JsonNode one : json.get(field)) {
      Named named = new Named(text(one, "name"), text(one, "expr"));
      require(names.add(named.name()), field + ": a name stands there twice");
      require(!named.name().startsWith("__"), field + ": names that begin with __ are headrace's own");
      found.add(named);
    }
    return List.copyOf(found);
  }

  private static void require(boolean holds, String reason)
      throws Refused {
    if (!holds) {
      throw new Refused("document-refused", reason);
    }
  }

  /** Crosses a lambda; {@link #parse}'s callers see it as {@link Refused}. */
  static final class UnknownField extends RuntimeException {
    UnknownField(String field) {
      super(field + ": no field of a view's document", null, false, false);
    }
  }
}
