package io.headrace.pinot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Random;
import org.junit.jupiter.api.Test;

class IsoInstantTest {
  private static long expected(String text) {
    Instant instant = OffsetDateTime.parse(text).toInstant();
    return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
  }

  @Test
  void readsEveryDayOfTheCalendar() {
    long from = Instant.parse("0001-01-01T00:00:00Z").getEpochSecond();
    long to = Instant.parse("9999-12-31T23:59:59Z").getEpochSecond();
    for (long second = from; second <= to; second += 86_399) {
      String text = Instant.ofEpochSecond(second).toString();
      assertEquals(second * 1_000_000, IsoInstant.micros(text), text);
    }
  }

  @Test
  void readsFractionsOfAnyLength() {
    Random random = new Random(7);
    for (int i = 0; i < 20_000; i++) {
      StringBuilder text = new StringBuilder(Instant.ofEpochSecond(random.nextInt()).toString());
      text.setLength(19);
      int digits = random.nextInt(10);
      for (int d = 0; d < digits; d++) {
        text.append(d == 0 ? "." : "").append(random.nextInt(10));
      }
      text.append('Z');
      assertEquals(expected(text.toString()), IsoInstant.micros(text.toString()), text.toString());
    }
  }

  @Test
  void readsWhatIsWrittenInAnotherWay() {
    for (String text : new String[] {"2026-01-31T12:00Z", "2026-01-31T12:00:00+05:30", "+10000-01-01T00:00:00Z",
        "-0044-03-15T00:00:00Z", "2024-02-29T00:00:00.5Z", "0000-12-31T00:00:00Z",
        "1969-12-31T23:59:59.999999999Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.123456-17:59"}) {
      assertEquals(expected(text), IsoInstant.micros(text), text);
    }
  }

  @Test
  void refusesWhatIsNoInstant() {
    for (String text : new String[] {"", "Z", "infinity", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00.12a4Z",
        "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00", "٢026-01-01T00:00:00Z", "2026-01-01T00:00:00xZ"}) {
      assertThrows(DateTimeException.class, () -> OffsetDateTime.parse(text), text);
      assertThrows(DateTimeException.class, () -> IsoInstant.micros(text), text);
    }
  }
}
