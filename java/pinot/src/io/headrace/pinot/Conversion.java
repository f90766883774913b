package io.headrace.pinot;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.util.Base64;
import org.apache.pinot.spi.data.readers.GenericRow;

/**
 * How one value of the Debezium envelope becomes a value of Pinot. The names are those of
 * {@code headrace.contract.Conversion}; what cannot be carried exactly is a {@link RejectedValue}.
 */
enum Conversion {
  BOOLEAN {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      require(value.isBoolean(), column, "not a boolean");
      return value.booleanValue();
    }
  },
  INT {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      require(value.canConvertToInt() && value.isIntegralNumber(), column, "not a 32-bit integer");
      return value.intValue();
    }
  },
  LONG {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      return toLong(column, value);
    }
  },
  FLOAT {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      require(value.isNumber(), column, "not a finite number");
      float number = value.decimalValue().floatValue();
      require(Float.isFinite(number), column, "not a finite number");
      return number;
    }
  },
  DOUBLE {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      require(value.isNumber(), column, "not a finite number");
      double number = value.decimalValue().doubleValue();
      require(Double.isFinite(number), column, "not a finite number");
      return number;
    }
  },
  DECIMAL {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      return toDecimal(column, value);
    }
  },
  DECIMAL_TEXT {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      // 1.0 and 1.00 are one key to PostgreSQL, so they must be one text here.
      BigDecimal number = toDecimal(column, value);
      return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
    }
  },
  TEXT {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      return toText(column, value);
    }
  },
  BYTES {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      try {
        return Base64.getDecoder().decode(toText(column, value));
      } catch (IllegalArgumentException e) {
        throw new RejectedValue(column, "not base64");
      }
    }
  },
  DATE {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      long days = toLong(column, value);
      require(days >= FIRST_DAY && days <= LAST_DAY, column, "outside the years 1 to 9999");
      return days * MS_PER_DAY;
    }
  },
  TIME_MICROS {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      long micros = toLong(column, value);
      require(micros >= 0 && micros <= 86_400_000_000L, column, "not a time of day");
      long seconds = micros / MICROS_PER_SECOND;
      String text = String.format("%02d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
      long fraction = micros % MICROS_PER_SECOND;
      return fraction == 0 ? text : text + "." + String.format("%06d", fraction).replaceAll("0+$", "");
    }
  },
  TIMESTAMP_MICROS {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      return inRange(column, toLong(column, value));
    }

    @Override
    void put(GenericRow row, String column, JsonNode value)
        throws RejectedValue {
      putInstant(row, column, (long) convert(column, value));
    }
  },
  TIMESTAMP_TZ {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      String text = toText(column, value);
      try {
        return inRange(column, IsoInstant.micros(text));
      } catch (DateTimeException | ArithmeticException e) {
        throw new RejectedValue(column, "outside the years 1 to 9999");
      }
    }

    @Override
    void put(GenericRow row, String column, JsonNode value)
        throws RejectedValue {
      putInstant(row, column, (long) convert(column, value));
    }
  },
  JSON_TEXT {
    @Override
    Object convert(String column, JsonNode value)
        throws RejectedValue {
      // Debezium 3.7.0 turns the inner arrays of {{1,2},{3,4}} into nulls or into Java's object names.
      for (JsonNode element : value) {
        require(!element.isNull(), column, "an array with NULL elements or of several dimensions");
        require(!(element.isTextual() && element.textValue().startsWith("[Ljava.")), column,
            "an array of several dimensions");
      }
      return value.toString();
    }
  };

  static final String MICROS_SUFFIX = "__micros";

  private static final long MICROS_PER_SECOND = 1_000_000L;
  private static final long MS_PER_DAY = 86_400_000L;
  /** 0001-01-01 and 9999-12-31, in days and in microseconds since 1970-01-01. */
  private static final long FIRST_DAY = -719_162L;
  private static final long LAST_DAY = 2_932_896L;
  private static final long FIRST_MICROS = FIRST_DAY * 86_400L * MICROS_PER_SECOND;
  private static final long LAST_MICROS = (LAST_DAY + 1) * 86_400L * MICROS_PER_SECOND - 1;

  /** The Pinot value of a JSON value that is not null. */
  abstract Object convert(String column, JsonNode value)
      throws RejectedValue;

  /** Puts the value, and what belongs beside it, into the row. */
  void put(GenericRow row, String column, JsonNode value)
      throws RejectedValue {
    row.putValue(column, convert(column, value));
  }

  private static void putInstant(GenericRow row, String column, long micros) {
    row.putValue(column, Math.floorDiv(micros, 1000L));
    row.putValue(column + MICROS_SUFFIX, micros);
  }

  private static long inRange(String column, long micros)
      throws RejectedValue {
    require(micros >= FIRST_MICROS && micros <= LAST_MICROS, column, "outside the years 1 to 9999");
    return micros;
  }

  private static long toLong(String column, JsonNode value)
      throws RejectedValue {
    require(value.isIntegralNumber() && value.canConvertToLong(), column, "not a 64-bit integer");
    return value.longValue();
  }

  private static String toText(String column, JsonNode value)
      throws RejectedValue {
    require(value.isTextual(), column, "not a text");
    return value.textValue();
  }

  private static BigDecimal toDecimal(String column, JsonNode value)
      throws RejectedValue {
    String text = toText(column, value);
    try {
      return new BigDecimal(text);
    } catch (NumberFormatException e) {
      throw new RejectedValue(column, "not a finite number");
    }
  }

  private static void require(boolean holds, String column, String reason)
      throws RejectedValue {
    if (!holds) {
      throw new RejectedValue(column, reason);
    }
  }
}
