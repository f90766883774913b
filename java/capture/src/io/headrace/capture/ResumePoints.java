package io.headrace.capture;

import java.util.HashMap;
import java.util.List;
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

  /** Its transaction, the commit before that, and the tables that were carried: what tells a repeated change. */
  static final String TRANSACTION = "headrace_tx";
  static final String COMMIT_BEFORE = "headrace_commit";
  static final String TABLES = "headrace_tables";

  private static final List<String> OURS = List.of(LSN, SENT, TRANSACTION, COMMIT_BEFORE, TABLES);

  private static final String DEBEZIUM_LSN = "lsn";
  private static final String DEBEZIUM_TRANSACTION = "txId";
  private static final String DEBEZIUM_COMMIT = "lsn_commit";
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
  /** Of the present WAL record, null where Debezium does not say: its transaction, and the last commit before that. */
  private Long _transaction;
  private Long _commitBefore;
  /** The tables that are carried, and those that were when the present WAL record was sent first. */
  private final String _tables;
  private Object _tablesThen;
  /** Whether Debezium has taken a commit for the WAL record it was looking for, and everything comes again. */
  private boolean _early;

  /**
   * @param stored the position Connect has kept, null at the first start
   * @param tables the tables that are carried, in any form that is equal for equal ones
   */
  ResumePoints(Map<String, ?> stored, String tables) {
    _tables = tables;
    if (stored == null || !stored.containsKey(SENT)) {
      _last = stored;
      return;
    }
    _before = withoutOurs(stored);
    _lsn = ((Number) stored.get(LSN)).longValue();
    _toDrop = ((Number) stored.get(SENT)).longValue();
    _transaction = number(stored, TRANSACTION);
    _commitBefore = number(stored, COMMIT_BEFORE);
    _tablesThen = stored.get(TABLES);
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
    if (!same && _toDrop > 0 && isRepeated(lsn, offset)) {
      return null;
    }
    if (!same) {
      _toDrop = 0;
      // Nothing of a WAL record that is left out now came: what was before it is still before.
      _before = _last != null ? _last : _before;
      _lsn = lsn;
      _sent = 0;
      _transaction = number(offset, DEBEZIUM_TRANSACTION);
      _commitBefore = number(offset, DEBEZIUM_COMMIT);
      _tablesThen = _tables;
    }
    _sent++;
    _last = offset;
    return _before == null ? record : new HandedRecord(record, ours());
  }

  /**
   * Whether a change before the WAL record that is looked for stands in Kafka already.
   *
   * <p>Debezium repeats a logical message when no commit had followed it yet. Behind a commit the next WAL record can have the
   * commit's own position, so there it is none.
   *
   * <p>A commit of another transaction can have the position of the record that is looked for, too. Debezium then lets
   * everything behind that commit pass: changes of transactions that were committed before this one's, which are told by
   * the last commit before them, and the earlier ones of its own. Without the tables of then that is not certain: a
   * transaction that has none of those left is not seen, and neither is its commit.
   */
  private boolean isRepeated(long lsn, Map<String, ?> offset) {
    Long before = number(_before, DEBEZIUM_LSN);
    if (before != null && before == lsn && !COMMIT.equals(_before.get(MESSAGE_TYPE))) {
      return true;
    }
    Long transaction = number(offset, DEBEZIUM_TRANSACTION);
    if (transaction != null && transaction.equals(_transaction)) {
      return lsn < _lsn;
    }
    Long commit = number(offset, DEBEZIUM_COMMIT);
    _early |= commit != null && commit.equals(_lsn);
    boolean comparable = commit != null && _commitBefore != null && _tables.equals(_tablesThen);
    return _early && comparable && commit < _commitBefore;
  }

  /** A heartbeat or a notification: its position may lie inside a WAL record or, after a commit, behind all. */
  private SourceRecord other(SourceRecord record, Map<String, ?> offset) {
    if (_lsn == null || _before == null) {
      return whole(record);
    }
    if (_toDrop > 0) {
      // Whatever was committed since, the WAL record that is looked for has not come yet.
      return new HandedRecord(record, ours());
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
    if (_transaction != null && _commitBefore != null) {
      offset.put(TRANSACTION, _transaction);
      offset.put(COMMIT_BEFORE, _commitBefore);
      offset.put(TABLES, _tablesThen);
    }
    return offset;
  }

  private static boolean isChange(SourceRecord record) {
    return record.value() instanceof Struct && ((Struct) record.value()).schema().field("source") != null;
  }

  private static Long number(Map<String, ?> offset, String key) {
    return offset.get(key) instanceof Number found ? (Long) found.longValue() : null;
  }

  private static Map<String, Object> withoutOurs(Map<String, ?> stored) {
    Map<String, Object> plain = new HashMap<>(stored);
    plain.keySet().removeAll(OURS);
    return plain;
  }
}
