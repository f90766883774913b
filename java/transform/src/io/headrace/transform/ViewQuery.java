package io.headrace.transform;

import io.headrace.transform.ViewDocument.Kind;
import io.headrace.transform.ViewDocument.Named;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;

/**
 * A view's document as a streaming query: envelopes of the base topic in, result records out.
 *
 * <p>Promise: every record of the base topic leaves at least one record in the output, in the order of their offsets; the
 * offset is the version of everything. A value that has not the type the image says makes its row a reject, it never
 * becomes NULL. What the query itself cannot go past it stops at, with a {@link Stop} in the exception's text.
 */
final class ViewQuery {
  private static final String ENVELOPE =
      "op STRING, before STRING, after STRING, source STRUCT<ts_ms: BIGINT, lsn: BIGINT, txId: BIGINT>, __broken STRING";
  private static final String READING = "map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '__broken')";
  private static final String MARK = "__headrace_reject";
  private static final List<String> OPERATIONS = List.of("c", "r", "u", "d", "t", "m");

  private final ViewDocument _view;
  private final Set<String> _imageColumns;

  ViewQuery(ViewDocument view) {
    _view = view;
    _imageColumns = Stream.of(StructType.fromDDL(view.image()).fieldNames()).collect(Collectors.toSet());
  }

  /** Key and value of the output's records, from the records (value, offset) of the base topic. */
  Dataset<Row> results(Dataset<Row> records) {
    Dataset<Row> images = images(envelopes(records));
    Dataset<Row> before = judged(images, "__b", "__before", List.of("__o", "__op", "__source", "__a"));
    Dataset<Row> both = judged(before, "__a", "__after", List.of("__o", "__op", "__source", "__before"));
    Dataset<Row> elements = elements(both);
    return written(_view.kind() == Kind.GROUPS ? folded(elements) : elements);
  }

  private static Dataset<Row> envelopes(Dataset<Row> records) {
    String known = OPERATIONS.stream().map(op -> "'" + op + "'").collect(Collectors.joining(", "));
    return records.where("value IS NOT NULL")
        .selectExpr("offset AS __o", "from_json(CAST(value AS STRING), '" + ENVELOPE + "', " + READING + ") AS __e")
        .selectExpr("__o", "CASE WHEN __e.__broken IS NOT NULL OR __e.op IS NULL OR __e.op NOT IN (" + known + ") THEN "
            + Stop.raise(Stop.UNREADABLE, "__o") + " ELSE __e.op END AS __op", "__e.before AS __before",
            "__e.after AS __after", "__e.source AS __source");
  }

  private Dataset<Row> images(Dataset<Row> envelopes) {
    String schema = (_view.image() + ", " + MARK + " STRING, __broken STRING").replace("\\", "\\\\").replace("'", "\\'");
    String parsed = "from_json(%s, '" + schema + "', " + READING + ")";
    String operation = _view.kind() == Kind.ROWS ? "__op" : "CASE WHEN __op = 't' THEN "
        + Stop.raise(Stop.TRUNCATE, "__o", "__source.ts_ms", "__source.lsn", "__source.txId") + " ELSE __op END";
    return envelopes.selectExpr("__o", operation + " AS __op", "__source",
        "CASE WHEN __op IN ('u', 'd') THEN " + String.format(parsed, "__before") + " END AS __b",
        "CASE WHEN __op IN ('c', 'r', 'u') THEN " + String.format(parsed, "__after") + " END AS __a");
  }

  /** One of the two images, looked at under its own column names, as a struct: key, reject, passes, result, group, sums. */
  private Dataset<Row> judged(Dataset<Row> rows, String image, String result, List<String> carried) {
    List<String> raw = new ArrayList<>(carried);
    raw.add(image + " IS NOT NULL AS __there");
    raw.add(image + "." + MARK + " AS __marked");
    raw.add(image + ".__broken IS NOT NULL AS __broken");
    _imageColumns.forEach(column -> raw.add(image + "." + quoted(column) + " AS " + quoted(column)));
    Dataset<Row> judged = rows.selectExpr(array(raw)).selectExpr("*",
        "CASE WHEN __there THEN coalesce(CASE WHEN __broken THEN 'a value has not the type of its column' END, __marked, ("
            + _view.reject() + ")) END AS __reject",
        "CASE WHEN __there THEN (" + _view.rowKey() + ") END AS __row_key")
        .selectExpr("*", "__there AND __reject IS NULL AS __good");
    List<String> typed = new ArrayList<>(carried);
    typed.addAll(List.of("__reject", "__row_key", "__good"));
    Set<String> replaced = _view.values().stream().map(Named::name).collect(Collectors.toSet());
    _imageColumns.stream().filter(column -> !replaced.contains(column)).map(ViewQuery::quoted).forEach(typed::add);
    _view.values().forEach(value -> typed.add(guarded("__good", value)));
    String passes = _view.where() == null ? "__good" : "__good AND coalesce((" + _view.where() + "), false)";
    Dataset<Row> passed = judged.selectExpr(array(typed)).selectExpr("*", passes + " AS __passes");
    List<String> fields = new ArrayList<>(List.of("__reject AS reject", "__row_key AS row_key", "__passes AS passes"));
    if (_view.kind() == Kind.GROUPS) {
      fields.add(struct("__passes", _view.group(), "group"));
      fields.add(struct("__passes", _view.sums(), "sums"));
    } else {
      fields.add(struct("__passes", _view.columns(), "result"));
    }
    List<String> kept = new ArrayList<>(carried);
    kept.add("struct(" + String.join(", ", fields) + ") AS " + result);
    return passed.selectExpr(array(kept));
  }

  /** What a record does to the results, in order; the last element alone says that the whole record is through. */
  private Dataset<Row> elements(Dataset<Row> both) {
    boolean groups = _view.kind() == Kind.GROUPS;
    String sameKey = "__before.row_key <=> __after.row_key";
    String same = "__before.passes AND __after.passes AND "
        + (groups ? "__before.group <=> __after.group" : sameKey);
    Dataset<Row> flagged = both.selectExpr("*", "(" + same + ") AS __same").selectExpr("*",
        "(__before.passes AND NOT __same) AS __f1", "__after.passes AS __f2",
        "(__before.reject IS NOT NULL AND NOT (__after.reject IS NOT NULL AND " + sameKey + ")) AS __f3",
        "(__after.reject IS NOT NULL) AS __f4", "(__op = 't') AS __f5");
    String own = groups ? "group" : "result";
    String added = groups ? sums("__after.sums.%s") : "NULL";
    String netted = groups ? "CASE WHEN __same THEN " + sums("__after.sums.%1$s - __before.sums.%1$s") + " ELSE " + added
        + " END" : added;
    String removed = groups ? sums("-__before.sums.%s") : "NULL";
    List<String> elements = List.of(
        element(1, key("__before"), "'d'", "-1", "NULL", "__before." + own, removed),
        element(2, key("__after"), "'u'", "CASE WHEN __same THEN 0 ELSE 1 END", "NULL", "__after." + own, netted),
        element(3, "concat('x', __before.row_key)", "'d'", "0", "NULL", "NULL", "NULL"),
        element(4, "concat('x', __after.row_key)", "'u'", "0", "__after.reject", "NULL", "NULL"),
        element(5, "NULL", "'t'", "0", "NULL", "NULL", "NULL"),
        "CASE WHEN NOT (__f1 OR __f2 OR __f3 OR __f4 OR __f5) THEN " + fields("NULL", "'m'", "0", "NULL", "NULL", "NULL",
            "__o + 1") + " END");
    return flagged.selectExpr("__o", "__source", "explode(array(" + String.join(", ", elements) + ")) AS __x")
        .where("__x IS NOT NULL")
        .selectExpr("__x.key AS __key", "__x.op AS __op", "__x.weight AS __weight", "__x.reason AS __reason",
            "__x.own AS __own", "__x.sums AS __sums", "__o + 1 AS __version", "__x.input AS __input",
            "__source.ts_ms AS __ts", "__source.lsn AS __lsn", "__source.txId AS __tx");
  }

  private String element(int number, String key, String op, String weight, String reason, String own, String sums) {
    String later = Stream.of(1, 2, 3, 4, 5).filter(other -> other > number).map(other -> "__f" + other)
        .collect(Collectors.joining(" OR "));
    String input = later.isEmpty() ? "__o + 1" : "CASE WHEN " + later + " THEN __o ELSE __o + 1 END";
    return "CASE WHEN __f" + number + " THEN " + fields(key, op, weight, reason, own, sums, input) + " END";
  }

  private String fields(String key, String op, String weight, String reason, String own, String sums, String input) {
    return "named_struct('key', " + key + ", 'op', " + op + ", 'weight', CAST(" + weight + " AS BIGINT), 'reason', CAST("
        + reason + " AS STRING), 'own', " + own + ", 'sums', " + sums + ", 'input', " + input + ")";
  }

  private String key(String side) {
    if (_view.kind() == Kind.ROWS) {
      return "concat('r', " + side + ".row_key)";
    }
    String values = _view.group().stream()
        .map(one -> "CAST(" + side + ".group." + quoted(one.name()) + " AS STRING)").collect(Collectors.joining(", "));
    return "concat('g', to_json(array(" + values + ")))";
  }

  private String sums(String each) {
    return _view.sums().isEmpty() ? "NULL" : _view.sums().stream()
        .map(sum -> String.format(each, quoted(sum.name())) + " AS " + quoted(sum.name()))
        .collect(Collectors.joining(", ", "struct(", ")"));
  }

  /** One row per element: what its key's group has become with it. */
  private Dataset<Row> folded(Dataset<Row> elements) {
    List<String> flat = new ArrayList<>(List.of("__key", "__op", "__weight", "__reason", "__version", "__input", "__ts",
        "__lsn", "__tx"));
    _view.group().forEach(one -> flat.add("__own." + quoted(one.name()) + " AS " + quoted(one.name())));
    _view.sums().forEach(one -> flat.add("__sums." + quoted(one.name()) + " AS " + quoted(one.name())));
    List<org.apache.spark.sql.Column> keys = new ArrayList<>(List.of(functions.col("__key")));
    _view.group().forEach(one -> keys.add(functions.col(quoted(one.name()))));
    List<org.apache.spark.sql.Column> totals = new ArrayList<>();
    totals.add(functions.expr("max(__version) AS __version"));
    totals.add(functions.expr("max(__input) AS __input"));
    totals.add(functions.expr("max(__ts) AS __ts"));
    totals.add(functions.expr("max(__lsn) AS __lsn"));
    totals.add(functions.expr("max(__tx) AS __tx"));
    totals.add(functions.expr("max(struct(__version, __reason)) AS __latest"));
    _view.sums().forEach(one -> totals.add(
        functions.expr("sum(" + quoted(one.name()) + ") AS " + quoted(one.name()))));
    Dataset<Row> groups = elements.selectExpr(array(flat))
        .groupBy(keys.toArray(org.apache.spark.sql.Column[]::new))
        .agg(functions.expr("sum(__weight) AS rows"), totals.toArray(org.apache.spark.sql.Column[]::new));
    String alive = "__key LIKE 'g%' AND rows > 0";
    return groups.selectExpr("__key", "CASE WHEN __key IS NULL THEN 'm' WHEN " + alive
        + " OR __latest.__reason IS NOT NULL THEN 'u' ELSE 'd' END AS __op", "__latest.__reason AS __reason",
        struct(alive, _view.columns(), "__own"), "__version", "__input", "__ts", "__lsn", "__tx");
  }

  private Dataset<Row> written(Dataset<Row> results) {
    String columns = _view.columns().stream().map(one -> ", __own." + quoted(one.name()) + " AS " + quoted(one.name()))
        .collect(Collectors.joining());
    String keyed = "to_json(struct(__key))";
    String whole = "to_json(struct(__key" + columns + "), map('ignoreNullFields', 'false'))";
    String marked = "to_json(struct(__key, __reason AS " + MARK + "))";
    return results.selectExpr(
        "CASE WHEN __key IS NOT NULL THEN " + keyed + " END AS key",
        "concat('{\"op\":\"', __op, '\",\"before\":', CASE WHEN __op = 'd' THEN " + keyed + " ELSE 'null' END,"
            + " ',\"after\":', CASE WHEN __op <> 'u' THEN 'null' WHEN __reason IS NOT NULL THEN " + marked
            + " ELSE " + whole + " END, ',\"source\":', to_json(struct(__ts AS ts_ms, __lsn AS lsn, __tx AS txId)),"
            + " ',\"version\":', __version, ',\"input\":', __input, '}') AS value");
  }

  private static String struct(String condition, List<Named> fields, String name) {
    String inner = fields.stream().map(one -> "(" + one.expr() + ") AS " + quoted(one.name()))
        .collect(Collectors.joining(", ", "struct(", ")"));
    return fields.isEmpty() ? "NULL AS " + name : "CASE WHEN " + condition + " THEN " + inner + " END AS " + name;
  }

  private static String guarded(String condition, Named value) {
    return "CASE WHEN " + condition + " THEN (" + value.expr() + ") END AS " + quoted(value.name());
  }

  private static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }

  private static String[] array(List<String> expressions) {
    return expressions.toArray(String[]::new);
  }
}
