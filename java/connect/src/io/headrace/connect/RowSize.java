package io.headrace.connect;

import java.nio.ByteBuffer;
import java.util.Collection;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;

/** How large a row image is: the bytes of its texts and binaries, eight for anything else. */
final class RowSize {
  private RowSize() {
  }

  static long of(Struct image) {
    long bytes = 0;
    for (Field field : image.schema().fields()) {
      bytes += ofValue(image.get(field));
    }
    return bytes;
  }

  private static long ofValue(Object value) {
    if (value == null) {
      return 0;
    }
    if (value instanceof String) {
      return utf8Length((String) value);
    }
    if (value instanceof byte[]) {
      return ((byte[]) value).length;
    }
    if (value instanceof ByteBuffer) {
      return ((ByteBuffer) value).remaining();
    }
    if (value instanceof Collection) {
      long bytes = 0;
      for (Object element : (Collection<?>) value) {
        bytes += ofValue(element);
      }
      return bytes;
    }
    return value instanceof Struct ? of((Struct) value) : Long.BYTES;
  }

  /** Exact for long texts; a short one counts a byte a character, it cannot make a row too large by itself. */
  private static long utf8Length(String text) {
    if (text.length() < 64 * 1024) {
      return text.length();
    }
    long bytes = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : Character.isSurrogate(c) ? 2 : 3;
    }
    return bytes;
  }
}
