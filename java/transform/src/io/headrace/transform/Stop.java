package io.headrace.transform;

import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Where a query stopped itself: raised in SQL, read back from the exception's text.
 *
 * @param numbers the record's offset first; -1 for what was NULL
 */
record Stop(String reason, long[] numbers) {
  static final String TRUNCATE = "truncate";
  static final String UNREADABLE = "unreadable";
  private static final Pattern TEXT = Pattern.compile("headrace-stop ([a-z]+)((?: -?[0-9]+)+);");

  static String raise(String reason, String... numbers) {
    String list = Arrays.stream(numbers).map(number -> ", ' ', CAST(coalesce(" + number + ", -1) AS STRING)")
        .collect(Collectors.joining());
    return "raise_error(concat('headrace-stop " + reason + "'" + list + ", ';'))";
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
