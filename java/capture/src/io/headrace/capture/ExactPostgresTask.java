package io.headrace.capture;

import io.debezium.config.CommonConnectorConfig;
import io.debezium.config.Configuration;
import io.debezium.connector.postgresql.PostgresConnectorConfig;
import io.debezium.connector.postgresql.PostgresConnectorTask;
import io.debezium.connector.postgresql.PostgresOffsetContext;
import io.debezium.connector.postgresql.PostgresPartition;
import io.debezium.connector.postgresql.SourceInfo;
import io.debezium.connector.postgresql.connection.Lsn;
import io.debezium.connector.postgresql.connection.PostgresConnection;
import io.debezium.connector.postgresql.spi.SlotState;
import io.debezium.pipeline.ChangeEventSourceCoordinator;
import io.debezium.pipeline.DataChangeEvent;
import io.debezium.pipeline.spi.OffsetContext;
import io.debezium.pipeline.spi.Offsets;
import io.debezium.pipeline.spi.Partition;
import io.debezium.service.spi.ServiceRegistry;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Debezium's task, with positions that never lie inside what PostgreSQL wrote as one WAL record, with a TRUNCATE for every
 * partition, and without its waits: changes are handed on when they arrive, and what PostgreSQL may forget is told from
 * memory rather than read back from Kafka at every poll. A slot that is gone, or has gone on without Kafka, is an error,
 * where Debezium goes on behind what was written in between.
 */
public class ExactPostgresTask extends PostgresConnectorTask {
  /** How long a failure of the thread that reads the log can stay unseen while nothing arrives. */
  private static final long IDLE_MS = 100;

  private ResumePoints _points;
  private Truncates _truncates;
  private ArrivalQueue _queue;
  private Map<String, String> _partition;
  private boolean _exactlyOnce;
  private int _maxBatch;
  /** The position of the last record given to Connect since its last commit; null when there is none. */
  private Map<String, ?> _handedOver;
  /** The position up to which everything is in Kafka; null before the first commit since the start. */
  private Map<String, ?> _inKafka;

  /** Called at every start, also at the one after an error that Debezium deems worth another attempt. */
  @Override
  public ChangeEventSourceCoordinator<PostgresPartition, PostgresOffsetContext> start(Configuration config) {
    _partition = Map.of("server", config.getString(CommonConnectorConfig.TOPIC_PREFIX));
    _maxBatch = config.getInteger(CommonConnectorConfig.MAX_BATCH_SIZE);
    _exactlyOnce = "required".equals(config.getString("exactly.once.support"));
    _handedOver = null;
    _inKafka = null;
    Map<String, Object> stored = context.offsetStorageReader().offset(_partition);
    if (isStreaming(stored)) {
      requireSlot(new PostgresConnectorConfig(config), stored);
    }
    _points = new ResumePoints(stored, String.valueOf(config.getString(PostgresConnectorConfig.TABLE_INCLUDE_LIST)));
    _truncates = Truncates.of(config.getString(Truncates.PARTITIONS));
    // Debezium would count bytes that it never sees leave: the queue keeps its own bound.
    return super.start(config.edit().with(CommonConnectorConfig.MAX_QUEUE_SIZE_IN_BYTES, 0).build());
  }

  /** Whether the snapshot is over: from then on everything comes through the slot. */
  private static boolean isStreaming(Map<String, Object> stored) {
    return stored != null && !stored.isEmpty() && !stored.containsKey(ResumePoints.SNAPSHOT);
  }

  /**
   * Debezium would make a slot that is gone anew, and start where a slot is that has gone on without it. Nobody would
   * learn of what was written in between.
   */
  private static void requireSlot(PostgresConnectorConfig config, Map<String, Object> stored) {
    String slot = "replication slot \"" + config.slotName() + "\"";
    SlotState state;
    try (PostgresConnection connection = new PostgresConnection(config.getJdbcConfig(), "headrace")) {
      state = connection.getReplicationSlotState(config.slotName(), config.plugin().getPostgresPluginName());
    } catch (SQLException e) {
      String reason = "it is not known whether " + slot + " is there";
      // Debezium tries again after a moment what can be retried; the rest is told as it is.
      throw isUnreachable(e.getSQLState()) ? new RetriableException(reason, e) : new ConnectException(reason, e);
    }
    if (state == null) {
      throw new ConnectException(slot + " does not exist, it is not made again behind rows that nobody would carry");
    }
    Lsn confirmed = state.slotLastFlushedLsn();
    Lsn reached = reached(stored);
    if (confirmed != null && confirmed.isValid() && confirmed.compareTo(reached) > 0) {
      throw new ConnectException(slot + " is ahead of the last change in Kafka: PostgreSQL keeps nothing before "
          + confirmed + ", and Kafka has nothing behind " + reached);
    }
  }

  /** The farthest point that can have been confirmed to PostgreSQL out of a position: only what is stored ever is. */
  private static Lsn reached(Map<String, Object> stored) {
    long farthest = 0;
    for (String key : List.of(SourceInfo.LSN_KEY, PostgresOffsetContext.LAST_COMMIT_LSN_KEY,
        PostgresOffsetContext.LAST_COMPLETELY_PROCESSED_LSN_KEY)) {
      if (stored.get(key) instanceof Number number) {
        farthest = Math.max(farthest, number.longValue());
      }
    }
    return Lsn.valueOf(farthest);
  }

  private static boolean isUnreachable(String sqlState) {
    return sqlState == null || sqlState.startsWith("08") || sqlState.startsWith("57P");
  }

  @Override
  protected void registerServiceProviders(ServiceRegistry registry) {
    super.registerServiceProviders(registry);
    _queue = new ArrivalQueue();
    registry.registerServiceProvider(_queue.provider());
  }

  @Override
  public List<SourceRecord> doPoll()
      throws InterruptedException {
    List<DataChangeEvent> events = _queue.take(_maxBatch, IDLE_MS);
    if (events.isEmpty()) {
      // Debezium's own way looks whether the reading thread has failed, too.
      return handOver(super.doPoll());
    }
    List<SourceRecord> records = new ArrayList<>(events.size());
    for (DataChangeEvent event : events) {
      records.add(event.getRecord());
    }
    return handOver(records);
  }

  /** What Connect is given of one poll, and sends in one transaction. */
  private List<SourceRecord> handOver(List<SourceRecord> polled) {
    List<SourceRecord> records = new ArrayList<>(polled.size());
    for (SourceRecord record : polled) {
      for (SourceRecord part : _truncates.spread(record)) {
        handOver(part, records);
      }
    }
    return records;
  }

  private void handOver(SourceRecord record, List<SourceRecord> records) {
    SourceRecord next = _points.next(record);
    if (next == null) {
      return;
    }
    records.add(next instanceof HandedRecord ? next : new HandedRecord(next, next.sourceOffset()));
    Map<String, ?> offset = next.sourceOffset();
    // The first notifications of a snapshot come before there is a position.
    if (offset != null && !offset.isEmpty() && _partition.equals(next.sourcePartition())) {
      _handedOver = offset;
    }
  }

  /** With transactions that end with each poll, Connect calls this when all it was given is committed in Kafka. */
  @Override
  public void commit()
      throws InterruptedException {
    if (_exactlyOnce) {
      if (_handedOver == null) {
        return;
      }
      _inKafka = _handedOver;
      _handedOver = null;
    }
    super.commit();
  }

  /** What stands in Kafka for certain: known from memory once something was sent since the start. */
  @Override
  protected Offsets<PostgresPartition, PostgresOffsetContext> getPreviousOffsets(
      Partition.Provider<PostgresPartition> provider, OffsetContext.Loader<PostgresOffsetContext> loader) {
    if (_inKafka == null) {
      return super.getPreviousOffsets(provider, loader);
    }
    PostgresPartition partition = provider.getPartitions().iterator().next();
    return Offsets.of(Map.of(partition, loader.load(_inKafka)));
  }
}
