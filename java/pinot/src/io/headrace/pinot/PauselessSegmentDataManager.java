package io.headrace.pinot;

import java.io.File;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.commons.io.FileUtils;
import org.apache.helix.zookeeper.datamodel.ZNRecord;
import org.apache.pinot.common.metadata.segment.SegmentZKMetadata;
import org.apache.pinot.common.metrics.ServerMetrics;
import org.apache.pinot.common.protocols.SegmentCompletionProtocol;
import org.apache.pinot.common.utils.LLCSegmentName;
import org.apache.pinot.core.data.manager.realtime.LLRealtimeSegmentDataManager;
import org.apache.pinot.segment.local.segment.index.loader.IndexLoadingConfig;
import org.apache.pinot.spi.config.table.TableConfig;
import org.apache.pinot.spi.data.Schema;
import org.apache.pinot.spi.stream.LongMsgOffset;
import org.apache.pinot.spi.stream.StreamConfig;
import org.apache.pinot.spi.stream.StreamConsumerFactoryProvider;
import org.apache.pinot.spi.stream.StreamMetadataProvider;
import org.apache.pinot.spi.utils.IngestionConfigUtils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A consuming segment that has its successor read on while it is built and committed.
 *
 * <p>Promise: it asks the table for the successor when its last row is indexed and before it is built; it commits within
 * the minute the successor is named by; and as a successor it asks for its own commit only once the controller knows it.
 * A build that fails is done again until it succeeds. In bulk it takes more rows than declared ({@link FlushPoint}).
 */
final class PauselessSegmentDataManager extends LLRealtimeSegmentDataManager {
  private static final Logger LOGGER = LoggerFactory.getLogger(PauselessSegmentDataManager.class);
  private static final long BUILD_AGAIN_MS = 10_000;
  private static final long KAFKA_TIMEOUT_MS = 5_000;
  private final PauselessTableDataManager _table;
  private final String _indexFolder;
  private final SegmentZKMetadata _metadata;
  private final ArrivalPartition _partition;
  private final FlushPoint _flush;
  private final StreamConfig _stream;
  private final long _startOffset;
  private final long _flushMs;
  /** Read once: Pinot's metadata parse a text each time, and this is asked for at every row. */
  private final long _createdMs;
  private final CountDownLatch _known = new CountDownLatch(1);
  private final CountDownLatch _stopping = new CountDownLatch(1);
  private volatile boolean _leaving;
  private volatile boolean _isFollowed;
  private volatile boolean _hasFailed;

  PauselessSegmentDataManager(SegmentZKMetadata metadata, TableConfig tableConfig, PauselessTableDataManager table,
      String indexFolder, IndexLoadingConfig loading, Schema schema, ServerMetrics metrics, ArrivalPartition partition) {
    // Pinot's semaphore lets a consumer begin when the one before has closed: here that is what is not waited for.
    super(withMostRows(metadata), tableConfig, table, indexFolder, loading, schema,
        new LLCSegmentName(metadata.getSegmentName()), new Semaphore(1), metrics, partition, null);
    _table = table;
    _indexFolder = indexFolder;
    _metadata = metadata;
    _stream = new StreamConfig(tableConfig.getTableName(), IngestionConfigUtils.getStreamConfigMap(tableConfig));
    _startOffset = Long.parseLong(metadata.getStartOffset());
    _flushMs = _stream.getFlushThresholdTimeMillis();
    _createdMs = metadata.getCreationTime();
    _partition = partition;
    _flush = new FlushPoint(metadata.getSizeThresholdToFlushSegment());
    super.startConsumerThread();
  }

  /** Called by Pinot's constructor, when this object is not complete yet. */
  @Override
  protected void startConsumerThread() {
  }

  private static SegmentZKMetadata withMostRows(SegmentZKMetadata metadata) {
    SegmentZKMetadata copy = new SegmentZKMetadata(new ZNRecord(metadata.toZNRecord()));
    copy.setSizeThresholdToFlushSegment(FlushPoint.mostRows(metadata.getSizeThresholdToFlushSegment()));
    return copy;
  }

  /** Pinot asks for the time before each row and each fetch, to see whether the segment is to end here. */
  @Override
  protected long now() {
    long nowMs = super.now();
    // Null while Pinot's constructor runs.
    if (_flush != null && isToBeCommitted(nowMs)) {
      forceCommit();
    }
    return nowMs;
  }

  private boolean isToBeCommitted(long nowMs) {
    int rows = getSegment().getNumDocsIndexed();
    boolean known = _known.getCount() == 0;
    return _flush.isReached(rows, nowMs, known)
        || known && FlushPoint.hasOnlyPassed(rows, _startOffset, ((LongMsgOffset) getCurrentOffset()).getOffset(),
            nowMs - _createdMs, _flushMs);
  }

  SegmentZKMetadata metadata() {
    return _metadata;
  }

  /** The controller has created this segment. */
  void becomeKnown() {
    _known.countDown();
  }

  /** Whether it reads no more although it was not asked to stop. */
  boolean hasFailed() {
    return _hasFailed;
  }

  /** It is about to be removed: no successor is begun any more. */
  void beginLeaving() {
    _leaving = true;
  }

  boolean isLeaving() {
    return _leaving;
  }

  /** Reads no more, and its documents are gone: a segment with the same number may be begun. */
  void leave()
      throws InterruptedException {
    stop();
    _partition.removeSegment(getSegment());
  }

  @Override
  public void stop()
      throws InterruptedException {
    _stopping.countDown();
    _known.countDown();
    super.stop();
  }

  /** How far the partition has been read: also by the successor, of which the controller cannot ask yet. */
  @Override
  public Map<String, String> getPartitionToCurrentOffset() {
    long reached = progress().position();
    if (!_isFollowed || reached < ((LongMsgOffset) getCurrentOffset()).getOffset()) {
      return super.getPartitionToCurrentOffset();
    }
    return Map.of(String.valueOf(partition()), String.valueOf(reached));
  }

  /** Of an error (no disk below a mapped file) Pinot's thread would die without a word; of an exception it tells. */
  @Override
  protected boolean consumeLoop()
      throws Exception {
    try {
      return super.consumeLoop();
    } catch (Exception e) {
      _hasFailed = true;
      throw e;
    } catch (Error e) {
      _hasFailed = true;
      throw new IllegalStateException("reading has failed: " + e);
    }
  }

  @Override
  protected SegmentCompletionProtocol.Response postSegmentConsumedMsg() {
    if (!awaitKnown()) {
      return SegmentCompletionProtocol.RESP_NOT_SENT;
    }
    return super.postSegmentConsumedMsg();
  }

  @Override
  protected SegmentBuildDescriptor buildSegmentInternal(boolean forCommit) {
    SegmentMinute minute = null;
    if (forCommit) {
      minute = _table.beginNext(this);
      _isFollowed = minute != null;
      if (_isFollowed) {
        // Nobody waits for the rest of this thread's work any more.
        Thread.currentThread().setPriority(Thread.MIN_PRIORITY);
      }
    }
    SegmentBuildDescriptor built = build(forCommit);
    // Pinot would give the segment up for good, and its partition would stand still.
    while (built == null && forCommit && _stopping.getCount() > 0) {
      LOGGER.warn("{} cannot be built (no disk space?), trying again in {} ms", getSegmentName(), BUILD_AGAIN_MS);
      pause(BUILD_AGAIN_MS);
      built = build(true);
    }
    if (built != null && minute != null) {
      pause(minute.waitMs(System.currentTimeMillis()));
    }
    return built;
  }

  /** Null when it cannot be built, also for an error: no disk below a mapped file. */
  private SegmentBuildDescriptor build(boolean forCommit) {
    try {
      return super.buildSegmentInternal(forCommit);
    } catch (Error e) {
      if (!forCommit) {
        throw e;
      }
      LOGGER.warn("building {} has failed: {}", getSegmentName(), e.toString());
      removePartsOfBuilds();
      return null;
    }
  }

  /** Pinot removes what it has built of a segment for an exception only, and the disk is full. */
  private void removePartsOfBuilds() {
    String begins = "tmp-" + getSegmentName() + "-";
    File[] parts = new File(_indexFolder, "_tmp").listFiles((folder, name) -> name.startsWith(begins));
    for (File part : parts == null ? new File[0] : parts) {
      FileUtils.deleteQuietly(part);
    }
  }

  /**
   * Not when its log was lost: the mark of that is kept with this segment. Nor while Kafka is away: the controller asks it
   * for its partitions between two steps of a commit, and a commit that fails there leaves the partition without a
   * consumer for minutes.
   */
  @Override
  protected SegmentCompletionProtocol.Response commit(String controllerVipUrl, boolean isSplitCommit) {
    if (progress().lost() != null) {
      return SegmentCompletionProtocol.RESP_NOT_SENT;
    }
    try (StreamMetadataProvider kafka =
        StreamConsumerFactoryProvider.create(_stream).createStreamMetadataProvider("commit-" + getSegmentName())) {
      kafka.fetchPartitionCount(KAFKA_TIMEOUT_MS);
    } catch (Exception e) {
      LOGGER.warn("{} is not committed yet, Kafka does not answer: {}", getSegmentName(), e.toString());
      return SegmentCompletionProtocol.RESP_NOT_SENT;
    }
    return super.commit(controllerVipUrl, isSplitCommit);
  }

  @Override
  protected void hold() {
    pause(SegmentCompletionProtocol.MAX_HOLD_TIME_MS);
  }

  private int partition() {
    return new LLCSegmentName(getSegmentName()).getPartitionGroupId();
  }

  private Progress progress() {
    return Progress.of(_table.getTableName(), partition());
  }

  /** False when it is stopped instead. */
  private boolean awaitKnown() {
    try {
      _known.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
    return _stopping.getCount() > 0;
  }

  /** Not longer than until it is stopped. */
  private void pause(long durationMs) {
    try {
      _stopping.await(durationMs, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
