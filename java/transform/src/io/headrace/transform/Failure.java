package io.headrace.transform;

import java.util.Map;
import org.apache.spark.SparkThrowable;

/**
 * What a failed query is told of: a code and words of ours. Spark's messages hold values of rows, so only the name of its
 * error, of the exception's class and of the place are taken.
 *
 * @param heals whether starting again can help
 */
record Failure(String code, String message, boolean heals) {
  private static final Map<String, String> LASTING = Map.of(
      "ARITHMETIC_OVERFLOW", "a sum or an expression has outgrown its type",
      "NUMERIC_VALUE_OUT_OF_RANGE", "a sum or an expression has outgrown its type",
      "DIVIDE_BY_ZERO", "an expression divides by zero",
      "CAST_INVALID_INPUT", "an expression reads a value that has not the type it asks for",
      "CAST_OVERFLOW", "a sum or an expression has outgrown its type",
      "STREAMING_REAL_TIME_MODE", "the query cannot run record by record");

  static Failure of(Throwable failure) {
    Throwable root = failure;
    String condition = null;
    boolean logIncomplete = false;
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      root = cause;
      if (cause instanceof SparkThrowable spark && spark.getCondition() != null
          && !spark.getCondition().startsWith("STREAM_FAILED")) {
        condition = spark.getCondition();
      }
      String name = cause.getClass().getSimpleName();
      logIncomplete |= name.contains("OffsetOutOfRange") || String.valueOf(condition).startsWith("KAFKA_DATA_LOSS")
          || String.valueOf(cause.getMessage()).contains("Some data may have been lost");
    }
    if (logIncomplete) {
      return logIncomplete();
    }
    for (Map.Entry<String, String> lasting : LASTING.entrySet()) {
      if (condition != null && condition.startsWith(lasting.getKey())) {
        return new Failure("expression-failed", lasting.getValue() + " (" + condition + ")", false);
      }
    }
    String words = condition == null ? root.getClass().getName() : condition;
    return new Failure("query-failed", "the query ended with " + words, true);
  }

  static Failure logIncomplete() {
    return new Failure("log-incomplete", "the base topic does not hold the records from the view's start any more", false);
  }

  static Failure unreadable(Stop stop) {
    return new Failure("record-unreadable", "the record at offset " + stop.offset() + " is no Debezium envelope", false);
  }
}
