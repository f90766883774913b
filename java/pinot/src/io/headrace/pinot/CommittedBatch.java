package io.headrace.pinot;

import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.utils.Bytes;
import org.apache.pinot.spi.stream.LongMsgOffset;
import org.apache.pinot.spi.stream.MessageBatch;
import org.apache.pinot.spi.stream.StreamPartitionMsgOffset;

/**
 * The records of one fetch. Each payload is the record's offset (8 bytes, big endian) followed by its value, because
 * Pinot hands a decoder nothing but the payload and the row carries its offset.
 */
final class CommittedBatch implements MessageBatch<byte[]> {
  static final int OFFSET_BYTES = Long.BYTES;

  private final List<ConsumerRecord<String, Bytes>> _records;
  private final long _nextOffset;
  private final boolean _skipIdleSleep;

  /**
   * @param nextOffset where the consumer stands, past any transaction markers behind the last record
   * @param skipIdleSleep for an empty batch: say that something was read, so that Pinot's loop does not sleep 100 ms
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
  public byte[] getMessageAtIndex(int index) {
    ConsumerRecord<String, Bytes> record = _records.get(index);
    byte[] value = record.value().get();
    return ByteBuffer.allocate(OFFSET_BYTES + value.length).putLong(record.offset()).put(value).array();
  }

  @Override
  public int getMessageOffsetAtIndex(int index) {
    return 0;
  }

  @Override
  public int getMessageLengthAtIndex(int index) {
    return OFFSET_BYTES + _records.get(index).value().get().length;
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
