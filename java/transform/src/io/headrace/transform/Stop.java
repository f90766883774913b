package io.headrace.transform;

import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Where a query stopped itself: thrown by the reader of records, read back from the exception's text.
 *
 * @param numbers the record's offset first; -1 for what was NULL
 */
record Stop(String reason, long[] numbers) {
  static final String TRUNCATE = "truncate";
  static final String UNREADABLE = "unreadable";
  private static final Pattern TEXT = Pattern.compile("headrace-stop ([a-z]+)((?: -?[0-9]+)+);");

  /** The text of an exception that {@link #in} understands; the record's offset comes first. */
  static String text(String reason, Object... numbers) {
    return Arrays.stream(numbers).map(number -> " " + (number == null ? -1 : number))
        .collect(Collectors.joining("", "headrace-stop " + reason, ";"));
  }

  static Optional<Stop> in(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      Matcher found = TEXT.matcher(String.valueOf(cause.getMessage()));
      if (found.find()) {
        long[] numbers = Arrays.stream(found.group(2).strip().split(" ")).mapToLong(Long::parseLong).toArray();
        return Optional.of(new Stop(found.group(1), numbers));
      }
    }
    return Optional.empty();
  }

  long offset() {
    return numbers[0];
  }
}
