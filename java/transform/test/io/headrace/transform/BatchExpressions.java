package io.headrace.transform;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;

/**
 * Evaluates Spark SQL expressions over row images, for the tests that hold them against PostgreSQL.
 *
 * <p>Each line of stdin is a job {@code {"image": DDL, "rows": [JSON text], "stages": [{"select": [...]} or
 * {"group": [...], "sums": [...]}]}}; each line of stdout its rows as a JSON array, or {@code {"error": ...}}.
 */
public final class BatchExpressions {
  private BatchExpressions() {
  }

  public static void main(String[] args)
      throws Exception {
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    ObjectMapper mapper = new ObjectMapper();
    // A zone far from UTC: no result may depend on it.
    SparkSession spark = SparkSession.builder().master("local[1]").config("spark.ui.enabled", "false")
        .config("spark.sql.codegen.wholeStage", "false").config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.session.timeZone", "America/New_York").config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate();
    UDF2<BigDecimal, Long, String> quotient = (sum, count) -> count == 0 ? null : sum.toPlainString() + "/" + count;
    spark.udf().register("headrace_avg", quotient, DataTypes.StringType);
    BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
      String answer;
      try {
        answer = "[" + String.join(",", run(spark, mapper.readTree(line))) + "]";
      } catch (Exception e) {
        answer = mapper.createObjectNode().put("error", e.toString()).toString();
      }
      answers.println(answer);
    }
    spark.stop();
  }

  private static List<String> run(SparkSession spark, JsonNode job) {
    Column image = functions.expr("from_json(value, '" + job.get("image").asText() + "') AS image");
    Dataset<Row> data = spark.createDataset(texts(job.get("rows")), Encoders.STRING()).select(image).select("image.*");
    for (JsonNode stage : job.get("stages")) {
      if (stage.has("select")) {
        data = data.selectExpr(texts(stage.get("select")).toArray(String[]::new));
      } else {
        Column[] keys = texts(stage.get("group")).stream().map(functions::col).toArray(Column[]::new);
        List<Column> sums = new ArrayList<>();
        sums.add(functions.count(functions.lit(1)).as("rows"));
        texts(stage.get("sums")).forEach(name -> sums.add(functions.sum(functions.col(name)).as(name)));
        data = data.groupBy(keys).agg(sums.get(0), sums.subList(1, sums.size()).toArray(Column[]::new));
      }
    }
    return data.toJSON().collectAsList();
  }

  private static List<String> texts(JsonNode array) {
    List<String> found = new ArrayList<>();
    array.forEach(one -> found.add(one.asText()));
    return found;
  }
}
