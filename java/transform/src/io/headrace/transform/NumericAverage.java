package io.headrace.transform;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import org.apache.spark.sql.api.java.UDF2;

/**
 * {@code headrace_avg(sum, count)}: PostgreSQL's {@code numeric} quotient as text, to its very last digit.
 *
 * <p>PostgreSQL chooses the scale of a quotient from the operands ({@code select_div_scale} in numeric.c): at least 16
 * significant digits, counted in its own digits of base 10000, and no fewer decimals than either operand has.
 */
public final class NumericAverage implements UDF2<BigDecimal, Long, String> {
  private static final int MINIMUM_DIGITS = 16;
  private static final int DIGITS_PER_WORD = 4;
  private static final int MAXIMUM_SCALE = 1000;
  private static final BigInteger WORD = BigInteger.valueOf(10_000);

  @Override
  public String call(BigDecimal sum, Long count) {
    return sum == null || count == null || count == 0 ? null : divide(sum, BigDecimal.valueOf(count)).toPlainString();
  }

  static BigDecimal divide(BigDecimal dividend, BigDecimal divisor) {
    Leading above = Leading.of(dividend);
    Leading below = Leading.of(divisor);
    int weight = above.weight() - below.weight() - (above.word() <= below.word() ? 1 : 0);
    int scale = Math.max(MINIMUM_DIGITS - weight * DIGITS_PER_WORD, Math.max(dividend.scale(), divisor.scale()));
    return dividend.divide(divisor, Math.min(Math.max(scale, 0), MAXIMUM_SCALE), RoundingMode.HALF_UP);
  }

  /** The first word of a number in base 10000 that is not zero, and its power. */
  private record Leading(int weight, int word) {
    static Leading of(BigDecimal number) {
      if (number.signum() == 0) {
        return new Leading(0, 0);
      }
      BigDecimal rest = number.abs();
      // The power of ten of the first digit says which word it falls into.
      int weight = Math.floorDiv(rest.precision() - rest.scale() - 1, DIGITS_PER_WORD);
      BigInteger word = rest.scaleByPowerOfTen(-weight * DIGITS_PER_WORD).toBigInteger();
      return new Leading(weight, word.mod(WORD).intValue());
    }
  }
}
