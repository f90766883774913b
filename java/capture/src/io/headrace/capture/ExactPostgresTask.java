package io.headrace.capture;

import io.debezium.config.CommonConnectorConfig;
import io.debezium.config.Configuration;
import io.debezium.connector.postgresql.PostgresConnectorTask;
import io.debezium.connector.postgresql.PostgresOffsetContext;
import io.debezium.connector.postgresql.PostgresPartition;
import io.debezium.pipeline.ChangeEventSourceCoordinator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.source.SourceRecord;

/** Debezium's task, with positions that never lie inside what PostgreSQL wrote as one WAL record. */
public class ExactPostgresTask extends PostgresConnectorTask {
  private ResumePoints _points = new ResumePoints(null);

  /** Called at every start, also at the one after an error that Debezium deems worth another attempt. */
  @Override
  public ChangeEventSourceCoordinator<PostgresPartition, PostgresOffsetContext> start(Configuration config) {
    String server = config.getString(CommonConnectorConfig.TOPIC_PREFIX);
    Map<String, Object> stored = context.offsetStorageReader().offset(Map.of("server", server));
    _points = new ResumePoints(stored);
    return super.start(config);
  }

  @Override
  public List<SourceRecord> doPoll() throws InterruptedException {
    List<SourceRecord> polled = super.doPoll();
    List<SourceRecord> records = new ArrayList<>(polled.size());
    for (SourceRecord record : polled) {
      SourceRecord next = _points.next(record);
      if (next != null) {
        records.add(next);
      }
    }
    return records;
  }
}
