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
