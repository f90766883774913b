package io.headrace.pinot;

import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.utils.Bytes;
import org.apache.pinot.spi.stream.LongMsgOffset;
import org.apache.pinot.spi.stream.MessageBatch;
import org.apache.pinot.spi.stream.StreamPartitionMsgOffset;

/**
 * The records of one fetch, whole: Pinot hands a decoder nothing but the payload, and a row carries its offset.
 */
final class CommittedBatch implements MessageBatch<ConsumerRecord<String, Bytes>> {
  private final List<ConsumerRecord<String, Bytes>> _records;
  private final long _nextOffset;
  private final boolean _skipIdleSleep;

  /**
   * @param nextOffset where the consumer stands, past any transaction markers behind the last record
   * @param skipIdleSleep for an empty batch: say that something was read, so that Pinot's loop does not sleep 100 ms and
   *     goes on from {@code nextOffset}
   */
  CommittedBatch(List<ConsumerRecord<String, Bytes>> records, long nextOffset, boolean skipIdleSleep) {
    _records = records;
    _nextOffset = nextOffset;
    _skipIdleSleep = skipIdleSleep;
  }

  @Override
  public int getMessageCount() {
    return _records.size();
  }

  @Override
  public int getUnfilteredMessageCount() {
    return _records.isEmpty() && _skipIdleSleep ? 1 : _records.size();
  }

  @Override
  public ConsumerRecord<String, Bytes> getMessageAtIndex(int index) {
    return _records.get(index);
  }

  @Override
  public int getMessageOffsetAtIndex(int index) {
    return 0;
  }

  @Override
  public int getMessageLengthAtIndex(int index) {
    return _records.get(index).value().get().length;
  }

  @Override
  @SuppressWarnings("deprecation") // still what Pinot 0.11.0 calls
  public long getNextStreamMessageOffsetAtIndex(int index) {
    return _records.get(index).offset() + 1;
  }

  @Override
  public StreamPartitionMsgOffset getOffsetOfNextBatch() {
    return new LongMsgOffset(_nextOffset);
  }
}
