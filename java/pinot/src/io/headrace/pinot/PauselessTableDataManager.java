package io.headrace.pinot;

import com.google.common.base.Preconditions;
import java.io.File;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import javax.annotation.Nullable;
import org.apache.commons.io.FileUtils;
import org.apache.helix.model.IdealState;
import org.apache.pinot.common.metadata.ZKMetadataProvider;
import org.apache.pinot.common.metadata.segment.SegmentZKMetadata;
import org.apache.pinot.common.metrics.ServerGauge;
import org.apache.pinot.common.restlet.resources.SegmentErrorInfo;
import org.apache.pinot.common.utils.LLCSegmentName;
import org.apache.pinot.common.utils.helix.HelixHelper;
import org.apache.pinot.core.data.manager.realtime.RealtimeTableDataManager;
import org.apache.pinot.segment.local.data.manager.SegmentDataManager;
import org.apache.pinot.segment.local.segment.index.loader.IndexLoadingConfig;
import org.apache.pinot.segment.local.segment.virtualcolumn.VirtualColumnProviderFactory;
import org.apache.pinot.spi.config.instance.InstanceDataManagerConfig;
import org.apache.pinot.spi.config.table.TableConfig;
import org.apache.pinot.spi.data.Schema;
import org.apache.pinot.spi.utils.CommonConstants.Segment.Realtime.Status;

/**
 * A table that goes on reading while a segment is built and committed.
 *
 * <p>Pinot 0.11.0 opens the next consuming segment of a partition when the controller tells it to, which is after the one
 * before has been built, packed, handed over and written down. Here the next one is begun as soon as the last row of the
 * one before is indexed, under the name the controller is going to give it ({@link SegmentMinute}), from the offset
 * where the one before ends. Queries see it at once, as they see every live segment ({@link SegmentSnapshot}).
 *
 * <p>Promise: a segment the controller creates is the one begun, or else what was begun is dropped, with the partition
 * shut ({@link Progress#restart}) until its rows have been read again: never a row twice, never one missing. After a
 * crash in between the log is read again from the last commit, as ever.
 */
final class PauselessTableDataManager extends RealtimeTableDataManager {
  private static final String PAUSED = "isTablePaused";
  /** So many names in a row that were not the controller's, and this table pauses as Pinot's do: its clock differs. */
  private static final int MISSES = 2;

  /** How what Pinot says begins when it leaves out a row; of a build that fails it begins in part the same. */
  private static final List<String> ROW_LEFT_OUT =
      List.of("Caught exception while transforming the record", "Caught exception while indexing the record");

  private final InstanceDataManagerConfig _config;
  /** By partition, what the controller does not know yet; its lock also keeps the changes of a partition in order. */
  private final Map<Integer, PauselessSegmentDataManager> _begun = new HashMap<>();
  private int _misses;

  PauselessTableDataManager(InstanceDataManagerConfig config, @Nullable Semaphore builds) {
    super(builds);
    _config = config;
  }

  /**
   * Begins the segment that follows a full one. Null when it is not begun, because the table is paused or something is
   * in the way: the controller will have it begun later.
   */
  @Nullable
  SegmentMinute beginNext(PauselessSegmentDataManager full) {
    LLCSegmentName name = new LLCSegmentName(full.getSegmentName());
    int partition = name.getPartitionGroupId();
    synchronized (_begun) {
      dropBegun(partition);
      try {
        if (full.isLeaving() || _misses >= MISSES || isPaused()) {
          return null;
        }
        long nowMs = System.currentTimeMillis();
        SegmentMinute minute = SegmentMinute.forCommit(nowMs, full.getSegment().getNumDocsIndexed());
        SegmentZKMetadata next = new SegmentZKMetadata(
            new LLCSegmentName(name.getTableName(), partition, name.getSequenceNumber() + 1, minute.startMs())
                .getSegmentName());
        next.setCreationTime(nowMs);
        next.setStartOffset(full.getCurrentOffset().toString());
        next.setStatus(Status.IN_PROGRESS);
        next.setSizeThresholdToFlushSegment(full.metadata().getSizeThresholdToFlushSegment());
        TableConfig tableConfig = ZKMetadataProvider.getTableConfig(_propertyStore, _tableNameWithType);
        Preconditions.checkNotNull(tableConfig);
        _begun.put(partition, open(next, tableConfig, new IndexLoadingConfig(_config, tableConfig)));
        return minute;
      } catch (Exception e) {
        _logger.warn("the segment after {} is not begun before the commit", name, e);
        return null;
      }
    }
  }

  @Override
  public void addSegment(String segmentName, TableConfig tableConfig, IndexLoadingConfig indexLoadingConfig)
      throws Exception {
    SegmentZKMetadata metadata =
        ZKMetadataProvider.getSegmentZKMetadata(_propertyStore, _tableNameWithType, segmentName);
    if (metadata == null || metadata.getStatus().isCompleted()) {
      super.addSegment(segmentName, tableConfig, indexLoadingConfig);
      return;
    }
    LLCSegmentName name = new LLCSegmentName(segmentName);
    checkLog(metadata, name.getPartitionGroupId());
    synchronized (_begun) {
      PauselessSegmentDataManager begun = _begun.get(name.getPartitionGroupId());
      if (begun != null && sequence(begun) == name.getSequenceNumber()) {
        if (isSame(begun.metadata(), metadata) && !begun.hasFailed()) {
          _begun.remove(name.getPartitionGroupId());
          _misses = 0;
          begun.becomeKnown();
          _logger.info("{} was begun before its commit and is taken over", segmentName);
          return;
        }
        _misses += begun.hasFailed() ? 0 : 1;
        _logger.warn("{} from {} was begun, the controller created {} from {}: reading it again",
            begun.metadata().getSegmentName(), begun.metadata().getStartOffset(), segmentName,
            metadata.getStartOffset());
        dropBegun(name.getPartitionGroupId());
      }
      if (_segmentDataManagerMap.containsKey(segmentName)) {
        _logger.warn("{} is there already", segmentName);
        return;
      }
      open(metadata, tableConfig, indexLoadingConfig).becomeKnown();
    }
  }

  /** Before its first fetch: what the segment would skip or repeat is not to be answered. */
  private void checkLog(SegmentZKMetadata metadata, int partition) {
    Progress progress = Progress.of(_tableNameWithType, partition);
    progress.keep(new LostMark(_indexDir, partition), metadata.getCreationTime());
    String found =
        LogChain.firstBreak(ZKMetadataProvider.getSegmentsZKMetadata(_propertyStore, _tableNameWithType), metadata);
    if (found != null) {
      _logger.error("partition {}: {}; standing still until the table is built anew", partition, found);
      progress.lose(found);
    }
  }

  @Override
  public void removeSegment(String segmentName) {
    LLCSegmentName name = LLCSegmentName.of(segmentName);
    SegmentDataManager segment = _segmentDataManagerMap.get(segmentName);
    if (segment instanceof PauselessSegmentDataManager) {
      ((PauselessSegmentDataManager) segment).beginLeaving();
    }
    synchronized (_begun) {
      PauselessSegmentDataManager begun = name == null ? null : _begun.get(name.getPartitionGroupId());
      if (begun != null && sequence(begun) == name.getSequenceNumber() + 1) {
        dropBegun(name.getPartitionGroupId());
      }
    }
    // Not under the lock: it waits for the segment's thread, which may be waiting for the lock.
    remove(segmentName);
  }

  /** Pinot leaves out a row it cannot index and goes on. Here reading ends, and the segment is read again. */
  @Override
  public void addSegmentError(String segmentName, SegmentErrorInfo error) {
    super.addSegmentError(segmentName, error);
    String message = error.getErrorMessage();
    if (message != null && ROW_LEFT_OUT.stream().anyMatch(message::startsWith)) {
      // Neither the message nor its cause: they hold the row.
      throw new IllegalStateException("a row of " + segmentName + " cannot be indexed");
    }
  }

  private PauselessSegmentDataManager open(SegmentZKMetadata metadata, TableConfig tableConfig,
      IndexLoadingConfig loading) {
    String segmentName = metadata.getSegmentName();
    // What an attempt before a crash left behind.
    FileUtils.deleteQuietly(new File(_indexDir, segmentName));
    Schema schema = ZKMetadataProvider.getTableSchema(_propertyStore, _tableNameWithType);
    Preconditions.checkNotNull(schema);
    VirtualColumnProviderFactory.addBuiltInVirtualColumnsToSegmentSchema(schema, segmentName);
    ArrivalUpsertMetadataManager keys = ArrivalUpsertMetadataManager.of(_tableNameWithType);
    Preconditions.checkNotNull(keys);
    PauselessSegmentDataManager segment =
        new PauselessSegmentDataManager(metadata, tableConfig, this, _indexDir.getAbsolutePath(), loading, schema,
            _serverMetrics,
            keys.getOrCreatePartitionManager(new LLCSegmentName(segmentName).getPartitionGroupId()));
    _segmentDataManagerMap.put(segmentName, segment);
    _serverMetrics.addValueToTableGauge(_tableNameWithType, ServerGauge.SEGMENT_COUNT, 1L);
    return segment;
  }

  private void dropBegun(int partition) {
    PauselessSegmentDataManager begun = _begun.remove(partition);
    if (begun != null) {
      remove(begun.getSegmentName());
    }
  }

  private void remove(String segmentName) {
    SegmentDataManager segment = _segmentDataManagerMap.get(segmentName);
    if (segment instanceof PauselessSegmentDataManager) {
      try {
        ((PauselessSegmentDataManager) segment).leave();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    super.removeSegment(segmentName);
  }

  /** Null when the table is being removed. */
  @Nullable
  Assignment assignment() {
    IdealState ideal = HelixHelper.getTableIdealState(_helixManager, _tableNameWithType);
    return ideal == null ? null : new Assignment(ideal.getRecord().getMapFields(), _instanceId);
  }

  private boolean isPaused() {
    IdealState ideal = HelixHelper.getTableIdealState(_helixManager, _tableNameWithType);
    return ideal == null || Boolean.parseBoolean(ideal.getRecord().getSimpleField(PAUSED));
  }

  private static int sequence(PauselessSegmentDataManager segment) {
    return LLCSegmentName.getSequenceNumber(segment.getSegmentName());
  }

  private static boolean isSame(SegmentZKMetadata begun, SegmentZKMetadata created) {
    return begun.getSegmentName().equals(created.getSegmentName())
        && begun.getStartOffset().equals(created.getStartOffset());
  }
}
