package io.headrace.connect;

import java.nio.ByteBuffer;
import java.util.Collection;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;

/**
 * How large a row image is: in bytes of its values, and in bytes of the JSON it becomes, where a control character takes
 * six bytes and a binary a third more.
 */
final class RowSize {
  private long _valueBytes;
  private long _jsonBytes;

  private RowSize() {
  }

  /**
   * Whether a row image is small enough beyond doubt: as much as its values could take at most, six bytes for every
   * character, known from their lengths alone.
   */
  static boolean isSmall(Struct image, long maxBytes) {
    return mostBytes(image) <= maxBytes;
  }

  private static long mostBytes(Object value) {
    // First what most values are: asking a number whether it is a Collection is dear.
    if (value == null || value instanceof Number || value instanceof Boolean) {
      return 24;
    }
    if (value instanceof String) {
      return 6L * ((String) value).length() + 2;
    }
    if (value instanceof byte[]) {
      return 2L * ((byte[]) value).length + 6;
    }
    if (value instanceof ByteBuffer) {
      return 2L * ((ByteBuffer) value).remaining() + 6;
    }
    long bytes = 0;
    if (value instanceof Struct) {
      for (Field field : ((Struct) value).schema().fields()) {
        bytes += field.name().length() + 4 + mostBytes(((Struct) value).get(field));
      }
      return bytes;
    }
    if (value instanceof Collection) {
      for (Object element : (Collection<?>) value) {
        bytes += mostBytes(element);
      }
      return bytes;
    }
    return 24;
  }

  static RowSize of(Struct image) {
    RowSize size = new RowSize();
    size.add(image);
    return size;
  }

  long valueBytes() {
    return _valueBytes;
  }

  long jsonBytes() {
    return _jsonBytes;
  }

  private void add(Object value) {
    if (value == null) {
      _jsonBytes += 4;
    } else if (value instanceof Struct) {
      for (Field field : ((Struct) value).schema().fields()) {
        _jsonBytes += field.name().length() + 4;
        add(((Struct) value).get(field));
      }
    } else if (value instanceof String) {
      addText((String) value);
    } else if (value instanceof byte[]) {
      addBinary(((byte[]) value).length);
    } else if (value instanceof ByteBuffer) {
      addBinary(((ByteBuffer) value).remaining());
    } else if (value instanceof Collection) {
      for (Object element : (Collection<?>) value) {
        add(element);
      }
    } else {
      _valueBytes += Long.BYTES;
      _jsonBytes += 24;
    }
  }

  private void addBinary(int bytes) {
    _valueBytes += bytes;
    _jsonBytes += bytes * 4L / 3 + 6;
  }

  private void addText(String text) {
    long utf8 = 0;
    long escapes = 2;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      utf8 += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
      escapes += c < 0x20 ? 5 : c == '"' || c == '\\' ? 1 : 0;
    }
    _valueBytes += utf8;
    _jsonBytes += utf8 + escapes;
  }
}
