package io.headrace.capture;

import java.nio.ByteBuffer;
import java.util.Collection;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * About how much memory a record takes, never much less than it does: for a bound. Debezium's own measure walks through
 * every value and encodes every text to learn its length; this one looks at lengths alone, and of a change event only at
 * the images of the row, since the rest of it is of one size.
 */
final class Footprint {
  /** Of the record itself, its positions, and what an event says beside the row. */
  private static final long RECORD_BYTES = 3072;
  private static final long VALUE_BYTES = 48;

  private Footprint() {
  }

  static long of(SourceRecord record) {
    return RECORD_BYTES + ofValue(record.key()) + (isChange(record.value()) ? ofImages((Struct) record.value())
        : ofValue(record.value()));
  }

  private static boolean isChange(Object value) {
    return value instanceof Struct && ((Struct) value).schema().field("before") != null
        && ((Struct) value).schema().field("after") != null;
  }

  private static long ofImages(Struct envelope) {
    return ofValue(envelope.get("before")) + ofValue(envelope.get("after"));
  }

  private static long ofValue(Object value) {
    // First what most values are: asking a number whether it is a Collection is dear.
    if (value == null || value instanceof Number || value instanceof Boolean) {
      return VALUE_BYTES;
    }
    if (value instanceof String) {
      return VALUE_BYTES + 2L * ((String) value).length();
    }
    if (value instanceof byte[]) {
      return VALUE_BYTES + ((byte[]) value).length;
    }
    if (value instanceof ByteBuffer) {
      return VALUE_BYTES + ((ByteBuffer) value).capacity();
    }
    long bytes = VALUE_BYTES;
    if (value instanceof Struct) {
      for (Field field : ((Struct) value).schema().fields()) {
        bytes += ofValue(((Struct) value).get(field));
      }
    } else if (value instanceof Collection) {
      for (Object element : (Collection<?>) value) {
        bytes += ofValue(element);
      }
    }
    return bytes;
  }
}
