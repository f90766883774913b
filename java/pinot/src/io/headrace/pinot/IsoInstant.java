package io.headrace.pinot;

import java.time.Instant;
import java.time.OffsetDateTime;

/**
 * Reads an instant in ISO 8601 as microseconds since 1970.
 *
 * <p>Promise: what {@link OffsetDateTime#parse(CharSequence)} says, rounded down, for every text, its exceptions included.
 * The form in which Debezium writes an instant of the years 0001 to 9999 ({@code 2026-01-31T23:59:59.123456Z}) is read
 * digit by digit, which takes a tenth of the time; any other form goes the long way.
 */
final class IsoInstant {
  private static final String FORM = "dddd-dd-ddTdd:dd:dd";
  private static final long MICROS_PER_SECOND = 1_000_000L;

  private IsoInstant() {
  }

  static long micros(String text) {
    int length = text.length();
    if (length < FORM.length() + 1 || text.charAt(length - 1) != 'Z' || !hasForm(text)) {
      return parsed(text);
    }
    int month = two(text, 5);
    int day = two(text, 8);
    int hour = two(text, 11);
    int minute = two(text, 14);
    int second = two(text, 17);
    // Days behind the 28th are left to those who know the calendar.
    boolean plain = month >= 1 && month <= 12 && day >= 1 && day <= 28 && hour < 24 && minute < 60 && second < 60;
    long fraction = plain ? fraction(text, length) : -1;
    if (fraction < 0) {
      return parsed(text);
    }
    long seconds = day(two(text, 0) * 100 + two(text, 2), month, day) * 86_400L + hour * 3600L + minute * 60L + second;
    return seconds * MICROS_PER_SECOND + fraction;
  }

  private static boolean hasForm(String text) {
    for (int i = 0; i < FORM.length(); i++) {
      char expected = FORM.charAt(i);
      char found = text.charAt(i);
      if (expected == 'd' ? found < '0' || found > '9' : found != expected) {
        return false;
      }
    }
    return true;
  }

  private static int two(String text, int at) {
    return (text.charAt(at) - '0') * 10 + text.charAt(at + 1) - '0';
  }

  /** The microseconds between the seconds and the Z; -1 when that is no fraction of one to nine digits. */
  private static long fraction(String text, int length) {
    int from = FORM.length() + 1;
    if (length == from) {
      return 0;
    }
    int digits = length - 1 - from;
    if (text.charAt(from - 1) != '.' || digits < 1 || digits > 9) {
      return -1;
    }
    long micros = 0;
    for (int i = 0; i < 6; i++) {
      micros = micros * 10 + (i < digits ? text.charAt(from + i) - '0' : 0);
    }
    for (int i = from; i < length - 1; i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return -1;
      }
    }
    return micros;
  }

  /** Days since 1970-01-01: the year begins in March, so that the leap day is its last. */
  private static long day(int year, int month, int day) {
    long shifted = month > 2 ? year : year - 1L;
    long era = Math.floorDiv(shifted, 400L);
    long yearOfEra = shifted - era * 400;
    long dayOfYear = (153L * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468;
  }

  private static long parsed(String text) {
    Instant instant = OffsetDateTime.parse(text).toInstant();
    return Math.addExact(Math.multiplyExact(instant.getEpochSecond(), MICROS_PER_SECOND), instant.getNano() / 1000);
  }
}
