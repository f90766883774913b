package io.headrace.transform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.math.BigDecimal;
import org.junit.jupiter.api.Test;

/** The expected texts are PostgreSQL's own answers to {@code select sum::numeric / count::numeric}. */
class NumericAverageTest {
  private static final String[][] QUOTIENTS = {
      {"1.50", "1", "1.50000000000000000000"},
      {"8.75", "2", "4.3750000000000000"},
      {"10.25", "3", "3.4166666666666667"},
      {"1", "3", "0.33333333333333333333"},
      {"0.00", "7", "0.00000000000000000000"},
      {"-1", "3", "-0.33333333333333333333"},
      {"-2.5", "6", "-0.41666666666666666667"},
      {"99999999999999999999.99", "7", "14285714285714285714.28"},
      {"123456789012345678", "10000", "12345678901234.5678"},
      {"0.01", "9999", "0.000001000100010001000100"},
      {"0.0001", "3", "0.000033333333333333333333"},
      {"0.00001", "3", "0.000003333333333333333333"},
      {"10000", "1", "10000.0000000000000000"},
      {"9999", "10000", "0.99990000000000000000"},
      {"1", "2", "0.50000000000000000000"},
      {"-0.005", "100001", "-0.000000049999500004999950"},
      {"340282366920938463463374607431768211455", "3", "113427455640312821154458202477256070485"},
      {"12345678.9", "12345678", "1.00000007290000597780"},
      {"2", "3", "0.66666666666666666667"},
      {"20000", "3", "6666.6666666666666667"},
      {"7.0000", "20000", "0.00035000000000000000"},
  };

  @Test
  void isPostgresqlsQuotient() {
    for (String[] one : QUOTIENTS) {
      assertEquals(one[2], new NumericAverage().call(new BigDecimal(one[0]), Long.valueOf(one[1])),
          one[0] + " / " + one[1]);
    }
  }

  @Test
  void isNullWhereThereIsNothing() {
    assertNull(new NumericAverage().call(new BigDecimal("1.00"), 0L));
    assertNull(new NumericAverage().call(null, 3L));
  }
}
