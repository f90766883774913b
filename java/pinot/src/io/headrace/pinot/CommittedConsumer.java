package io.headrace.pinot;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.utils.Bytes;
import org.apache.pinot.plugin.stream.kafka20.KafkaPartitionLevelConnectionHandler;
import org.apache.pinot.spi.stream.LongMsgOffset;
import org.apache.pinot.spi.stream.PartitionLevelConsumer;
import org.apache.pinot.spi.stream.StreamConfig;
import org.apache.pinot.spi.stream.StreamPartitionMsgOffset;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads one partition, committed transactions only, in order, and says how far it has come.
 *
 * <p>It differs from Pinot's own consumer in four ways. An idle fetch does not make Pinot's loop sleep for 100 ms once
 * this segment has rows. The position moves past transaction markers, so "everything up to the end of the log" can be
 * told exactly. A broker that is away is waited for instead of ending consumption. An offset that is gone from the log
 * is never skipped: the partition stands still (and stays shut after a restart) until a new generation replaces it.
 */
final class CommittedConsumer extends KafkaPartitionLevelConnectionHandler implements PartitionLevelConsumer {
  private static final Logger LOGGER = LoggerFactory.getLogger(CommittedConsumer.class);
  /** Markers stand right behind the records they commit: a short look is enough to get past them. */
  private static final Duration MARKER_LOOK = Duration.ofMillis(2);
  private static final Duration END_OFFSET_TIMEOUT = Duration.ofSeconds(5);
  private static final int LOST_LOG_PAUSE_MS = 1000;
  private static final int AWAY_PAUSE_MS = 100;

  private final Progress _progress;
  /** Where the Kafka consumer stands; everything below it was handed to Pinot or needs no row. */
  private long _position = -1;
  /** What Pinot asks for next once it has indexed all it was handed. */
  private long _resumeFrom = -1;
  private boolean _hasReturnedRecords;
  private boolean _markersExpected;

  CommittedConsumer(String clientId, StreamConfig streamConfig, int partition) {
    super(clientId, streamConfig, partition);
    _progress = Progress.of(streamConfig.getTableNameWithType(), partition);
  }

  @Override
  public CommittedBatch fetchMessages(StreamPartitionMsgOffset startMsgOffset,
      StreamPartitionMsgOffset endMsgOffset, int timeoutMs) {
    long startOffset = ((LongMsgOffset) startMsgOffset).getOffset();
    long endOffset = endMsgOffset == null ? Long.MAX_VALUE : ((LongMsgOffset) endMsgOffset).getOffset();
    boolean continues = startOffset == _resumeFrom || startOffset == _position;
    if (_progress.lost() != null) {
      return pause(startOffset, LOST_LOG_PAUSE_MS);
    }
    // Pinot asks for the next batch only after it has indexed the last one.
    _progress.reached(continues ? _position : startOffset);
    try {
      if (!continues) {
        _consumer.seek(_topicPartition, startOffset);
        _position = startOffset;
        _resumeFrom = startOffset;
      }
      learnTarget(startOffset);
      if (_progress.lost() != null) {
        return pause(startOffset, LOST_LOG_PAUSE_MS);
      }
      return poll(startOffset, endOffset, timeoutMs);
    } catch (OffsetOutOfRangeException e) {
      lose("offset " + startOffset + " is not in the log any more");
      return pause(startOffset, LOST_LOG_PAUSE_MS);
    } catch (KafkaException e) {
      LOGGER.warn("cannot read {} at {}, trying again: {}", _topicPartition, startOffset, e.toString());
      // Records may have been taken out of the consumer before it failed: it has to seek.
      _position = -1;
      _resumeFrom = -1;
      return pause(startOffset, AWAY_PAUSE_MS);
    }
  }

  @Override
  public CommittedBatch fetchMessages(long startOffset, long endOffset, int timeoutMs) {
    return fetchMessages(new LongMsgOffset(startOffset), new LongMsgOffset(endOffset), timeoutMs);
  }

  private CommittedBatch poll(long startOffset, long endOffset, int timeoutMs) {
    long deadlineNs = System.nanoTime() + Duration.ofMillis(timeoutMs).toNanos();
    long before = _position;
    List<ConsumerRecord<String, Bytes>> records;
    do {
      Duration left = Duration.ofNanos(Math.max(0, deadlineNs - System.nanoTime()));
      Duration look = _markersExpected && left.compareTo(MARKER_LOOK) > 0 ? MARKER_LOOK : left;
      records = withValues(_consumer.poll(look).records(_topicPartition), endOffset);
      _position = _consumer.position(_topicPartition);
      _markersExpected = !records.isEmpty();
    } while (records.isEmpty() && _position == before && System.nanoTime() < deadlineNs);
    if (records.isEmpty()) {
      _progress.reached(_position);
    } else {
      _hasReturnedRecords = true;
      _resumeFrom = records.get(records.size() - 1).offset() + 1;
    }
    // Past what needs no row, also at a segment's beginning: the log may be cut off there, and nothing is lost by it.
    return new CommittedBatch(records, _position, _hasReturnedRecords || _position > startOffset);
  }

  private static List<ConsumerRecord<String, Bytes>> withValues(List<ConsumerRecord<String, Bytes>> records,
      long endOffset) {
    List<ConsumerRecord<String, Bytes>> kept = new ArrayList<>(records.size());
    for (ConsumerRecord<String, Bytes> record : records) {
      if (record.value() != null && record.offset() < endOffset) {
        kept.add(record);
      }
    }
    return kept;
  }

  private void learnTarget(long startOffset) {
    if (_progress.needsTarget()) {
      // With read_committed this is the last stable offset: readers before a crash cannot have seen more.
      Long end = _consumer.endOffsets(Collections.singleton(_topicPartition), END_OFFSET_TIMEOUT).get(_topicPartition);
      if (end != null && end < startOffset) {
        lose("the log ends at offset " + end + ", it was read up to " + startOffset);
      } else if (end != null) {
        _progress.setTarget(end);
      }
    }
  }

  private void lose(String reason) {
    LOGGER.error("{}: {}; standing still until the table is built anew", _topicPartition, reason);
    _progress.lose(reason);
  }

  private static CommittedBatch pause(long startOffset, int pauseMs) {
    try {
      Thread.sleep(pauseMs);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return new CommittedBatch(Collections.emptyList(), startOffset, false);
  }
}
