package io.headrace.capture;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Gives every change a position from which a restart goes on exactly behind it.
 *
 * <p>One WAL record can become several records in Kafka: the two of a changed key, the rows that COPY wrote together, the
 * tables of one TRUNCATE and the partitions of each. Debezium's own position cannot tell how many of them are sent. The
 * two records of a changed key carry the same one, and after exactly one row of a COPY group it goes on at the next WAL
 * record. When Connect dies with the first of them in Kafka, the rest is lost.
 *
 * <p>So the position stored with a record is that of the last <em>whole</em> WAL record before it, together with the log
 * position of its own and how many records of that are sent. After a restart Debezium sends the whole WAL record again,
 * and as many of its records are dropped as stand in Kafka already. Those of a TRUNCATE are all sent again: positions and
 * records are committed together (exactly-once), so nothing has followed them and a table stays as it is; and its tables
 * may be others than they were, so they cannot be counted.
 *
 * <p>Not thread-safe: it lives in the task's own thread.
 */
final class ResumePoints {
  /** The log position of the WAL record whose first records are sent. */
  static final String LSN = "headrace_lsn";

  /** How many of its records are sent. */
  static final String SENT = "headrace_sent";

  private static final String DEBEZIUM_LSN = "lsn";
  private static final String MESSAGE_TYPE = "messageType";
  private static final String COMMIT = "COMMIT";
  private static final String TRUNCATE = "TRUNCATE";
  /** In Debezium's position while the snapshot is taken. */
  static final String SNAPSHOT = "snapshot";

  /** Debezium's position behind which it sends the present WAL record again. */
  private Map<String, ?> _before;
  /** Debezium's position at the last record seen; the WAL record is whole when another one begins. */
  private Map<String, ?> _last;
  /** The present WAL record; null when the last thing seen was whole. */
  private Long _lsn;
  private long _sent;
  private long _toDrop;

  /** @param stored the position Connect has kept, null at the first start */
  ResumePoints(Map<String, ?> stored) {
    if (stored == null || !stored.containsKey(SENT)) {
      _last = stored;
      return;
    }
    _before = withoutOurs(stored);
    _lsn = ((Number) stored.get(LSN)).longValue();
    _toDrop = ((Number) stored.get(SENT)).longValue();
  }

  /** The record as it is to be sent; null when it stands in Kafka already. */
  SourceRecord next(SourceRecord record) {
    Map<String, ?> offset = record.sourceOffset();
    if (offset == null || offset.isEmpty()) {
      return record;
    }
    if (offset.containsKey(SNAPSHOT)) {
      return whole(record);
    }
    return isChange(record) ? change(record, offset) : other(record, offset);
  }

  private SourceRecord change(SourceRecord record, Map<String, ?> offset) {
    long lsn = ((Number) offset.get(DEBEZIUM_LSN)).longValue();
    boolean same = _lsn != null && _lsn == lsn;
    if (same && TRUNCATE.equals(offset.get(MESSAGE_TYPE)) && _toDrop > 0) {
      _toDrop = 0;
      _sent = 0;
    }
    if (same && _toDrop > 0) {
      _toDrop--;
      _sent++;
      _last = offset;
      return null;
    }
    if (!same && _toDrop > 0 && isRepeated(lsn)) {
      return null;
    }
    if (!same) {
      _toDrop = 0;
      // Nothing of a WAL record that is left out now came: what was before it is still before.
      _before = _last != null ? _last : _before;
      _lsn = lsn;
      _sent = 0;
    }
    _sent++;
    _last = offset;
    return _before == null ? record : new HandedRecord(record, ours());
  }

  /**
   * Whether this is what stands before the present WAL record once more: Debezium repeats a logical message when no commit
   * had followed it yet. Behind a commit the next WAL record can have the commit's own position, so there it is none.
   */
  private boolean isRepeated(long lsn) {
    Object before = _before.get(DEBEZIUM_LSN);
    return before != null && ((Number) before).longValue() == lsn && !COMMIT.equals(_before.get(MESSAGE_TYPE));
  }

  /** A heartbeat or a notification: its position may lie inside a WAL record or, after a commit, behind all. */
  private SourceRecord other(SourceRecord record, Map<String, ?> offset) {
    if (_lsn == null || _before == null) {
      return whole(record);
    }
    boolean committed = COMMIT.equals(offset.get(MESSAGE_TYPE));
    boolean moved = !Objects.equals(offset.get(DEBEZIUM_LSN), _before.get(DEBEZIUM_LSN));
    return committed && moved ? whole(record) : new HandedRecord(record, ours());
  }

  private SourceRecord whole(SourceRecord record) {
    _last = record.sourceOffset();
    _before = null;
    _lsn = null;
    _sent = 0;
    _toDrop = 0;
    return record;
  }

  private Map<String, Object> ours() {
    Map<String, Object> offset = new HashMap<>(_before);
    offset.put(LSN, _lsn);
    offset.put(SENT, _sent + _toDrop);
    return offset;
  }

  private static boolean isChange(SourceRecord record) {
    return record.value() instanceof Struct && ((Struct) record.value()).schema().field("source") != null;
  }

  private static Map<String, Object> withoutOurs(Map<String, ?> stored) {
    Map<String, Object> plain = new HashMap<>(stored);
    plain.remove(LSN);
    plain.remove(SENT);
    return plain;
  }
}
