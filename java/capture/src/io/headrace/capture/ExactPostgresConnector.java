package io.headrace.capture;

import io.debezium.connector.postgresql.PostgresConnector;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;

/**
 * Debezium's connector for PostgreSQL, whose task can be killed at any moment without losing part of a change, and whose
 * TRUNCATE reaches every partition of a topic.
 */
public class ExactPostgresConnector extends PostgresConnector {
  @Override
  public Class<? extends Task> taskClass() {
    return ExactPostgresTask.class;
  }

  @Override
  public ConfigDef config() {
    return Truncates.define(super.config());
  }
}
