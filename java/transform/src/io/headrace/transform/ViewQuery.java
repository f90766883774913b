package io.headrace.transform;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.udf;

import io.headrace.transform.ViewDocument.Kind;
import io.headrace.transform.ViewDocument.Named;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * A view's document as a streaming query: envelopes of the base topic in, result records out.
 *
 * <p>Promise: every record of the base topic leaves at least one record in the output, in the order of their offsets; the
 * offset is the version of everything. A value that has not the type the image says makes its row a reject, it never
 * becomes NULL. What the query itself cannot go past it stops at, with a {@link Stop} in the exception's text.
 *
 * <p>The query is one text, each step the FROM of the next: Spark goes over all of it again for every step that is put on
 * as a Dataset, and a batch waits for that.
 */
final class ViewQuery {
  private static final AtomicLong QUERIES = new AtomicLong();
  private static final List<String> SOURCE = List.of("__ts", "__lsn", "__tx");

  private final ViewDocument _view;
  private final boolean _groups;
  private final StructType _image;
  private final List<String> _imageColumns;

  ViewQuery(ViewDocument view) {
    _view = view;
    _groups = view.kind() == Kind.GROUPS;
    _image = StructType.fromDDL(view.image());
    _imageColumns = List.of(_image.fieldNames());
  }

  /** Key and value of the output's records, from the records (value, offset) of the base topic. */
  Dataset<Row> results(Dataset<Row> records) {
    SparkSession spark = records.sparkSession();
    EnvelopeReader reader = new EnvelopeReader(_image, _groups);
    // A name for this query alone: another one over the same view may be in the making.
    String name = "headrace_records_" + QUERIES.incrementAndGet();
    records.where("value IS NOT NULL")
        .select(col("offset").as("__o"),
            udf(reader, EnvelopeReader.result(_image)).apply(col("offset"), col("value")).as("__e"))
        .createOrReplaceTempView(name);
    try {
      String elements = elements(judged(judged(images(name), "__b", "__before", "__a"), "__a", "__after", "__before"));
      return spark.sql(written(_groups ? folded(elements) : elements));
    } finally {
      spark.catalog().dropTempView(name);
    }
  }

  private static String images(String records) {
    return select(List.of("__o", "__e.op AS __op", "__e.ts_ms AS __ts", "__e.lsn AS __lsn", "__e.txId AS __tx",
        "__e.before AS __b", "__e.after AS __a"), quoted(records));
  }

  /**
   * One of the two images, looked at under its own column names, as a struct: the key of the result it belongs to (NULL:
   * to none), the reason if it is a reject, the result or group it makes, and what it adds to sums.
   */
  private String judged(String rows, String image, String result, String other) {
    List<String> carried = new ArrayList<>(List.of("__o", "__op", other));
    carried.addAll(SOURCE);
    List<String> raw = new ArrayList<>(carried);
    raw.add(image + " IS NOT NULL AS __there");
    raw.add(image + "." + EnvelopeReader.MARK + " AS __marked");
    raw.add(image + "." + EnvelopeReader.BROKEN + " AS __broken");
    _imageColumns.forEach(column -> raw.add(image + "." + quoted(column) + " AS " + quoted(column)));
    List<String> looked = new ArrayList<>(carried);
    looked.add("CASE WHEN __there THEN coalesce(CASE WHEN __broken THEN 'a value has not the type of its column' END, "
        + "__marked, (" + _view.reject() + ")) END AS __reject");
    looked.add("CASE WHEN __there THEN (" + _view.rowKey() + ") END AS __row_key");
    _imageColumns.forEach(column -> looked.add(quoted(column)));
    List<String> typed = new ArrayList<>(carried);
    typed.addAll(List.of("__reject", "__row_key"));
    Set<String> replaced = _view.values().stream().map(Named::name).collect(Collectors.toSet());
    _imageColumns.stream().filter(column -> !replaced.contains(column)).map(ViewQuery::quoted).forEach(typed::add);
    String good = "__row_key IS NOT NULL AND __reject IS NULL";
    _view.values().forEach(value -> typed.add(
        "CASE WHEN " + good + " THEN (" + value.expr() + ") END AS " + quoted(value.name())));
    List<String> passed = new ArrayList<>(List.of("*"));
    passed.add("(" + (_view.where() == null ? good : good + " AND coalesce((" + _view.where() + "), false)")
        + ") AS __passes");
    List<String> fields = new ArrayList<>(List.of(
        "CASE WHEN __passes THEN " + key() + " WHEN __reject IS NOT NULL THEN concat('x', __row_key) END AS key",
        "__reject AS reason", struct("__passes", _groups ? _view.group() : _view.columns(), "own")));
    if (_groups) {
      fields.add(struct("__passes", _view.sums(), "sums"));
    }
    List<String> kept = new ArrayList<>(carried);
    kept.add("struct(" + String.join(", ", fields) + ") AS " + result);
    return select(kept, nested(select(passed, nested(select(typed, nested(select(looked, nested(select(raw,
        nested(rows))))))))));
  }

  private String key() {
    if (!_groups) {
      return "concat('r', __row_key)";
    }
    String values = _view.group().stream().map(one -> "CAST((" + one.expr() + ") AS STRING)")
        .collect(Collectors.joining(", "));
    return "concat('g', to_json(array(" + values + ")))";
  }

  /**
   * What a record does to the results: first what the row as it was takes away, then what the row as it is brings. An
   * update inside one result is one element. The last element alone says that the whole record is through.
   */
  private String elements(String both) {
    String same = "__before.key <=> __after.key AND __before.key IS NOT NULL";
    List<String> flagged = new ArrayList<>(List.of("__o", "__op", "__before", "__after"));
    flagged.addAll(SOURCE);
    flagged.add((_groups ? same + " AND __before.own <=> __after.own" : same) + " AS __same");
    List<String> counted = new ArrayList<>(List.of("*"));
    counted.add("(__before.key IS NOT NULL AND NOT __same) AS __takes");
    String brings = "(NOT __takes OR __after.key IS NOT NULL)";
    String taken = element("__before.key", "'d'", weight("__before", "-1"), "CAST(NULL AS STRING)", "__before.own",
        sums("-__before.sums.%s"), "CASE WHEN " + brings + " THEN __o ELSE __o + 1 END");
    String brought = element("__after.key", "CASE WHEN __after.key IS NOT NULL THEN 'u' WHEN __op = 't' THEN 't' ELSE 'm' END",
        "CASE WHEN __same THEN 0L ELSE " + weight("__after", "1") + " END", "__after.reason", "__after.own",
        "CASE WHEN __same THEN " + sums("__after.sums.%1$s - __before.sums.%1$s") + " ELSE " + sums("__after.sums.%s")
            + " END", "__o + 1");
    // Alone in a step of its own: with more beside it than is needed Spark 4.3 loses columns on the way.
    List<String> listed = new ArrayList<>(List.of("__o + 1 AS __version"));
    listed.addAll(SOURCE);
    listed.add("array(CASE WHEN __takes THEN " + taken + " END, CASE WHEN " + brings + " THEN " + brought
        + " END) AS __elements");
    List<String> exploded = new ArrayList<>(List.of("__version"));
    exploded.addAll(SOURCE);
    exploded.add("explode(__elements) AS __x");
    List<String> flat = new ArrayList<>(List.of("__x.key AS __key", "__x.op AS __op", "__x.reason AS __reason",
        "__version", "__x.input AS __input"));
    flat.addAll(SOURCE);
    if (_groups) {
      flat.add("__x.weight AS __weight");
      _view.group().forEach(one -> flat.add("__x.own." + quoted(one.name()) + " AS " + quoted(one.name())));
      _view.sums().forEach(one -> flat.add("__x.sums." + quoted(one.name()) + " AS " + quoted(one.name())));
    } else {
      flat.add("__x.own AS __own");
    }
    return select(flat, nested(select(exploded, nested(select(listed, nested(select(counted, nested(select(
        flagged, nested(both))))))))))
        + " WHERE __x IS NOT NULL";
  }

  private static String weight(String side, String counted) {
    return "CASE WHEN " + side + ".key IS NOT NULL AND " + side + ".reason IS NULL THEN " + counted + "L ELSE 0L END";
  }

  private String element(String key, String op, String weight, String reason, String own, String sums, String input) {
    String counted = _groups ? ", 'weight', " + weight + ", 'sums', " + sums : "";
    return "named_struct('key', " + key + ", 'op', " + op + ", 'reason', " + reason + ", 'own', " + own + ", 'input', "
        + input + counted + ")";
  }

  private String sums(String each) {
    return _view.sums().isEmpty() ? "NULL" : _view.sums().stream()
        .map(sum -> String.format(each, quoted(sum.name())) + " AS " + quoted(sum.name()))
        .collect(Collectors.joining(", ", "struct(", ")"));
  }

  /** One row per element: what its key's group has become with it. */
  private String folded(String elements) {
    String keys = Stream.concat(Stream.of("__key"), _view.group().stream().map(one -> quoted(one.name())))
        .collect(Collectors.joining(", "));
    List<String> totals = new ArrayList<>(List.of(keys, "sum(__weight) AS rows",
        "max(struct(__version, __input, __ts, __lsn, __tx, __reason)) AS __last"));
    _view.sums().forEach(one -> totals.add("sum(" + quoted(one.name()) + ") AS " + quoted(one.name())));
    String alive = "(__key LIKE 'g%' AND rows > 0)";
    List<String> results = new ArrayList<>(List.of("__key", "CASE WHEN __key IS NULL THEN 'm' WHEN " + alive
        + " OR __last.__reason IS NOT NULL THEN 'u' ELSE 'd' END AS __op", "__last.__reason AS __reason",
        struct(alive, _view.columns(), "__own"), "__last.__version AS __version", "__last.__input AS __input"));
    SOURCE.forEach(name -> results.add("__last." + name + " AS " + name));
    return select(results, nested(select(totals, nested(elements)) + " GROUP BY " + keys));
  }

  private String written(String results) {
    String columns = _view.columns().stream().map(one -> ", __own." + quoted(one.name()) + " AS " + quoted(one.name()))
        .collect(Collectors.joining());
    List<String> keyed = List.of("*", "CASE WHEN __key IS NOT NULL THEN to_json(struct(__key)) END AS __keyed");
    String whole = "to_json(struct(__key" + columns + "), map('ignoreNullFields', 'false'))";
    String marked = "to_json(struct(__key, __reason AS " + EnvelopeReader.MARK + "))";
    return select(List.of("__keyed AS key",
        "concat('{\"op\":\"', __op, '\",\"before\":', CASE WHEN __op = 'd' THEN __keyed ELSE 'null' END,"
            + " ',\"after\":', CASE WHEN __op <> 'u' THEN 'null' WHEN __reason IS NOT NULL THEN " + marked
            + " ELSE " + whole + " END, ',\"source\":', to_json(struct(__ts AS ts_ms, __lsn AS lsn, __tx AS txId)),"
            + " ',\"version\":', __version, ',\"input\":', __input, '}') AS value"),
        nested(select(keyed, nested(results))));
  }

  private static String select(List<String> expressions, String from) {
    return "SELECT " + String.join(", ", expressions) + " FROM " + from;
  }

  private static String nested(String query) {
    return "(" + query + ")";
  }

  private static String struct(String condition, List<Named> fields, String name) {
    String inner = fields.stream().map(one -> "(" + one.expr() + ") AS " + quoted(one.name()))
        .collect(Collectors.joining(", ", "struct(", ")"));
    return fields.isEmpty() ? "NULL AS " + name : "CASE WHEN " + condition + " THEN " + inner + " END AS " + name;
  }

  private static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }
}
