package io.headrace.connect;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.connect.errors.ConnectException;

/** Which columns are masked and how: {@code hash} is HMAC-SHA-256 of the value's text, {@code redact} is three stars. */
final class Masks {
  private static final String REDACTED = "***";
  private static final String ALGORITHM = "HmacSHA256";

  private final Map<String, String> _modeOfColumn = new HashMap<>();
  private final Set<String> _tables = new HashSet<>();
  private final String _key;

  private Masks(String key) {
    _key = key;
  }

  static Masks of(Object columns, Object key) {
    Masks masks = new Masks(((Password) key).value());
    for (Object entry : (List<?>) columns) {
      String[] pair = entry.toString().split("=", 2);
      if (pair.length != 2 || !(pair[1].equals("hash") || pair[1].equals("redact"))) {
        throw new ConfigException("mask.columns", entry, "expected schema.table.column=hash or =redact");
      }
      if (pair[1].equals("hash") && masks._key.isEmpty()) {
        throw new ConfigException("mask.key", "", "hashing needs a key");
      }
      masks._modeOfColumn.put(pair[0], pair[1]);
      masks._tables.add(pair[0].substring(0, pair[0].lastIndexOf('.')));
    }
    return masks;
  }

  boolean has(String table) {
    return _tables.contains(table);
  }

  boolean has(String table, String column) {
    return _modeOfColumn.containsKey(table + "." + column);
  }

  Object mask(String table, String column, Object value) {
    if (value == null) {
      return null;
    }
    return _modeOfColumn.get(table + "." + column).equals("hash") ? hash(value.toString()) : REDACTED;
  }

  private String hash(String text) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(new SecretKeySpec(_key.getBytes(StandardCharsets.UTF_8), ALGORITHM));
      StringBuilder hex = new StringBuilder();
      for (byte b : mac.doFinal(text.getBytes(StandardCharsets.UTF_8))) {
        hex.append(String.format("%02x", b));
      }
      return hex.toString();
    } catch (GeneralSecurityException e) {
      throw new ConnectException("HMAC-SHA-256 is not available", e);
    }
  }
}
