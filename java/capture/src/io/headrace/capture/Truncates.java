package io.headrace.capture;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Makes of the TRUNCATE of a table one record for each partition of its topic.
 *
 * <p>Debezium's event has no key, so that it would go to any one partition and empty only what lies there. In each
 * partition it stands between the rows that were written before it and those after, so each is emptied at its place.
 *
 * <p>The records belong to one WAL record and have one position in it: they come from one poll, hence in one transaction
 * of Kafka, and {@link ResumePoints} has all of them sent again after a restart behind the last of them.
 */
final class Truncates {
  /** The setting that names the topics of several partitions: {@code topic=number}, separated by commas. */
  static final String PARTITIONS = "headrace.topic.partitions";

  private static final String TRUNCATE = "t";

  private final Map<String, Integer> _partitions;

  private Truncates(Map<String, Integer> partitions) {
    _partitions = partitions;
  }

  static ConfigDef define(ConfigDef settings) {
    return new ConfigDef(settings).define(PARTITIONS, ConfigDef.Type.LIST, "", ConfigDef.Importance.HIGH,
        "The topics of several partitions, each of which a TRUNCATE has to reach: topic=number, separated by commas.");
  }

  /** @param setting the value of {@link #PARTITIONS}, null for none */
  static Truncates of(String setting) {
    Map<String, Integer> partitions = new HashMap<>();
    if (setting == null || setting.isBlank()) {
      return new Truncates(partitions);
    }
    for (String entry : setting.split(",")) {
      String[] pair = entry.trim().split("=");
      if (pair.length != 2 || !pair[1].matches("[1-9][0-9]{0,5}")) {
        throw new ConfigException(PARTITIONS, setting, "expected topic=number");
      }
      partitions.put(pair[0], Integer.valueOf(pair[1]));
    }
    return new Truncates(partitions);
  }

  /** What is to be sent for a record: itself, or one for every partition. */
  List<SourceRecord> spread(SourceRecord record) {
    Integer partitions = isTruncate(record) ? _partitions.get(record.topic()) : null;
    if (partitions == null) {
      return List.of(record);
    }
    List<SourceRecord> records = new ArrayList<>(partitions);
    for (int partition = 0; partition < partitions; partition++) {
      records.add(record.newRecord(record.topic(), partition, record.keySchema(), record.key(), record.valueSchema(),
          record.value(), record.timestamp(), record.headers()));
    }
    return records;
  }

  private static boolean isTruncate(SourceRecord record) {
    // Rows have keys, and there are many of them.
    if (record.key() != null || !(record.value() instanceof Struct)) {
      return false;
    }
    Struct event = (Struct) record.value();
    return event.schema().field("op") != null && TRUNCATE.equals(event.get("op"));
  }
}
