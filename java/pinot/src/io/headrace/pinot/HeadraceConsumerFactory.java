package io.headrace.pinot;

import org.apache.pinot.plugin.stream.kafka20.KafkaConsumerFactory;
import org.apache.pinot.spi.stream.PartitionLevelConsumer;

/** Pinot's Kafka factory with {@link CommittedConsumer} in place of its own consumer. */
public final class HeadraceConsumerFactory extends KafkaConsumerFactory {
  @Override
  public PartitionLevelConsumer createPartitionLevelConsumer(String clientId, int partition) {
    return new CommittedConsumer(clientId, _streamConfig, partition);
  }
}
