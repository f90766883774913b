package io.headrace.transform;

import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

/** What is asked of Kafka beside the query itself. */
final class BaseTopic {
  private static final int TIMEOUT_MS = 30_000;

  private BaseTopic() {
  }

  /** The first offset still in the log of a topic of one partition. */
  static long beginning(ViewDocument view)
      throws ExecutionException, InterruptedException, TimeoutException {
    TopicPartition partition = new TopicPartition(view.input(), 0);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", view.bootstrap(), "default.api.timeout.ms", TIMEOUT_MS,
        "request.timeout.ms", TIMEOUT_MS))) {
      return admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition)
          .get(TIMEOUT_MS, TimeUnit.MILLISECONDS).offset();
    }
  }

  /** Writes the TRUNCATE the view has stopped at into its output; writing it again does no harm. */
  static void writeTruncate(ViewDocument view, Stop stop)
      throws ExecutionException, InterruptedException, TimeoutException {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", view.bootstrap());
    settings.put("acks", "all");
    settings.put("delivery.timeout.ms", TIMEOUT_MS);
    settings.put("request.timeout.ms", TIMEOUT_MS / 2);
    settings.put("linger.ms", 0);
    settings.put("max.block.ms", TIMEOUT_MS);
    List<String> source = new java.util.ArrayList<>();
    String[] names = {"ts_ms", "lsn", "txId"};
    for (int at = 0; at < names.length; at++) {
      if (stop.numbers()[at + 1] >= 0) {
        source.add("\"" + names[at] + "\":" + stop.numbers()[at + 1]);
      }
    }
    long version = stop.offset() + 1;
    String value = "{\"op\":\"t\",\"before\":null,\"after\":null,\"source\":{" + String.join(",", source)
        + "},\"version\":" + version + ",\"input\":" + version + "}";
    try (Producer<String, String> producer =
        new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      producer.send(new ProducerRecord<>(view.output(), 0, null, value)).get(2 * TIMEOUT_MS, TimeUnit.MILLISECONDS);
    }
  }
}
