package io.headrace.pinot;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
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
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      require(value.currentToken().isBoolean(), column, "not a boolean");
      return value.getBooleanValue();
    }
  },
  INT {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      require(isIntegral(value) && value.getNumberType() == JsonParser.NumberType.INT, column, "not a 32-bit integer");
      return value.getIntValue();
    }
  },
  LONG {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      return toLong(column, value);
    }
  },
  FLOAT {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      require(value.currentToken().isNumeric(), column, "not a finite number");
      float number = value.getDecimalValue().floatValue();
      require(Float.isFinite(number), column, "not a finite number");
      return number;
    }
  },
  DOUBLE {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      require(value.currentToken().isNumeric(), column, "not a finite number");
      double number = value.getDecimalValue().doubleValue();
      require(Double.isFinite(number), column, "not a finite number");
      return number;
    }
  },
  DECIMAL {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      return toDecimal(column, value);
    }
  },
  DECIMAL_TEXT {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      // 1.0 and 1.00 are one key to PostgreSQL, so they must be one text here.
      BigDecimal number = toDecimal(column, value);
      return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
    }
  },
  TEXT {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      return toText(column, value);
    }
  },
  BYTES {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      try {
        return Base64.getDecoder().decode(toText(column, value));
      } catch (IllegalArgumentException e) {
        throw new RejectedValue(column, "not base64");
      }
    }
  },
  DATE {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      long days = toLong(column, value);
      require(days >= FIRST_DAY && days <= LAST_DAY, column, "outside the years 1 to 9999");
      return days * MS_PER_DAY;
    }
  },
  TIME_MICROS {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
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
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      return inRange(column, toLong(column, value));
    }

    @Override
    void put(GenericRow row, Column column, JsonParser value)
        throws RejectedValue, IOException {
      putInstant(row, column, (long) convert(column.name(), value));
    }
  },
  TIMESTAMP_TZ {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      String text = toText(column, value);
      try {
        return inRange(column, IsoInstant.micros(text));
      } catch (DateTimeException | ArithmeticException e) {
        throw new RejectedValue(column, "outside the years 1 to 9999");
      }
    }

    @Override
    void put(GenericRow row, Column column, JsonParser value)
        throws RejectedValue, IOException {
      putInstant(row, column, (long) convert(column.name(), value));
    }
  },
  JSON_TEXT {
    @Override
    Object convert(String column, JsonParser value)
        throws RejectedValue, IOException {
      // Debezium 3.7.0 turns the inner arrays of {{1,2},{3,4}} into nulls or into Java's object names.
      JsonNode tree = value.readValueAsTree();
      for (JsonNode element : tree) {
        require(!element.isNull(), column, "an array with NULL elements or of several dimensions");
        require(!(element.isTextual() && element.textValue().startsWith("[Ljava.")), column,
            "an array of several dimensions");
      }
      return tree.toString();
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

  /** The Pinot value of the JSON value, not null, that the parser stands at. */
  abstract Object convert(String column, JsonParser value)
      throws RejectedValue, IOException;

  /** Puts the value, and what belongs beside it, into the row. */
  void put(GenericRow row, Column column, JsonParser value)
      throws RejectedValue, IOException {
    row.putValue(column.name(), convert(column.name(), value));
  }

  /** Whether the exact instant stands in a column of its own. */
  boolean hasMicros() {
    return this == TIMESTAMP_MICROS || this == TIMESTAMP_TZ;
  }

  private static void putInstant(GenericRow row, Column column, long micros) {
    row.putValue(column.name(), Math.floorDiv(micros, 1000L));
    row.putValue(column.microsName(), micros);
  }

  private static boolean isIntegral(JsonParser value) {
    return value.currentToken() == JsonToken.VALUE_NUMBER_INT;
  }

  private static long inRange(String column, long micros)
      throws RejectedValue {
    require(micros >= FIRST_MICROS && micros <= LAST_MICROS, column, "outside the years 1 to 9999");
    return micros;
  }

  private static long toLong(String column, JsonParser value)
      throws RejectedValue, IOException {
    require(isIntegral(value) && value.getNumberType() != JsonParser.NumberType.BIG_INTEGER, column,
        "not a 64-bit integer");
    return value.getLongValue();
  }

  private static String toText(String column, JsonParser value)
      throws RejectedValue, IOException {
    require(value.currentToken() == JsonToken.VALUE_STRING, column, "not a text");
    return value.getText();
  }

  private static BigDecimal toDecimal(String column, JsonParser value)
      throws RejectedValue, IOException {
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
