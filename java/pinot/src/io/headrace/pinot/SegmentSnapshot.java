package io.headrace.pinot;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.apache.helix.store.zk.ZkHelixPropertyStore;
import org.apache.helix.zookeeper.datamodel.ZNRecord;
import org.apache.pinot.common.metadata.ZKMetadataProvider;
import org.apache.pinot.common.metadata.segment.SegmentZKMetadata;
import org.apache.pinot.common.utils.LLCSegmentName;
import org.apache.pinot.segment.local.data.manager.SegmentDataManager;
import org.apache.pinot.segment.local.data.manager.TableDataManager;
import org.apache.pinot.segment.spi.IndexSegment;
import org.apache.pinot.segment.spi.MutableSegment;
import org.roaringbitmap.buffer.MutableRoaringBitmap;

/**
 * Acquires the segments of one query, frozen together.
 *
 * <p>Promise: of every partition the query touches, and of every one that only this server has, it returns all live
 * segments, also those the broker does not route to yet, with their valid documents as of one point of the partition's
 * log. Every returned segment is acquired and must be released. It throws {@link NotAnswerable} while a partition has not caught up since the server's start.
 */
final class SegmentSnapshot {
  private static final long RETRY_NS = 200_000L;
  private static final long GIVE_UP_NS = 5_000_000_000L;
  private static final FrozenDocs NOTHING = new FrozenDocs(null, new MutableRoaringBitmap());

  private final TableDataManager _table;
  private final ZkHelixPropertyStore<ZNRecord> _propertyStore;
  private final Supplier<Assignment> _assignments;
  /** By partition, the count of {@link Progress#restarts} at which all its segments were loaded. */
  private final Map<Integer, Integer> _complete = new ConcurrentHashMap<>();
  private volatile Set<Integer> _partitions;

  /** @param assignments reads what is to be served; null when the table is being removed */
  SegmentSnapshot(TableDataManager table, ZkHelixPropertyStore<ZNRecord> propertyStore,
      Supplier<Assignment> assignments) {
    _table = table;
    _propertyStore = propertyStore;
    _assignments = assignments;
  }

  List<SegmentDataManager> acquire(List<String> routedSegments, boolean hideDictionary) {
    String tableName = _table.getTableName();
    ArrivalUpsertMetadataManager manager = ArrivalUpsertMetadataManager.of(tableName);
    if (manager == null) {
      throw beingRemoved();
    }
    Map<Integer, Set<String>> routed = new HashMap<>();
    for (int partition : partitions()) {
      routed.put(partition, new TreeSet<>());
    }
    for (String name : routedSegments) {
      routed.computeIfAbsent(partitionOf(name), partition -> new TreeSet<>()).add(name);
    }
    List<SegmentDataManager> acquired = new ArrayList<>();
    try {
      for (Map.Entry<Integer, Set<String>> entry : routed.entrySet()) {
        ArrivalPartition partition = manager.getOrCreatePartitionManager(entry.getKey());
        Progress progress = Progress.of(tableName, entry.getKey());
        int restarts = progress.restarts();
        requireComplete(tableName, entry.getKey(), partition, progress, restarts);
        acquired.addAll(acquirePartition(partition, entry.getValue(), hideDictionary));
        if (progress.restarts() != restarts) {
          throw catchingUp(tableName, entry.getKey());
        }
      }
      return acquired;
    } catch (RuntimeException e) {
      release(acquired);
      throw e;
    }
  }

  /** Those that are only here: the broker may not route to one of them yet, or not any more. */
  private Set<Integer> partitions() {
    Set<Integer> known = _partitions;
    return known == null ? readAssignment().partitions() : known;
  }

  private Assignment readAssignment() {
    Assignment assignment = _assignments.get();
    if (assignment == null) {
      throw beingRemoved();
    }
    _partitions = assignment.partitions();
    return assignment;
  }

  private void requireComplete(String tableName, int partitionId, ArrivalPartition partition, Progress progress,
      int restarts) {
    if (!progress.caughtUp()) {
      _complete.remove(partitionId);
      String lost = progress.lost();
      if (lost != null) {
        throw NotAnswerable.logLost(tableName, partitionId, lost);
      }
      throw catchingUp(tableName, partitionId);
    }
    if (Integer.valueOf(restarts).equals(_complete.get(partitionId))) {
      return;
    }
    for (String name : readAssignment().segments()) {
      if (partitionOf(name) == partitionId && !partition.holds(name)) {
        SegmentZKMetadata metadata = ZKMetadataProvider.getSegmentZKMetadata(_propertyStore, tableName, name);
        if (metadata != null && metadata.getStatus().isCompleted()) {
          throw new NotAnswerable("headrace: segment " + name + " is not loaded yet");
        }
      }
    }
    _complete.put(partitionId, restarts);
  }

  private NotAnswerable beingRemoved() {
    return new NotAnswerable("headrace: table " + _table.getTableName() + " is being removed");
  }

  private static NotAnswerable catchingUp(String tableName, int partitionId) {
    return new NotAnswerable("headrace: partition " + partitionId + " of " + tableName
        + " is catching up with what was answered before");
  }

  private List<SegmentDataManager> acquirePartition(ArrivalPartition partition, Set<String> routed,
      boolean hideDictionary) {
    long giveUpNs = System.nanoTime() + GIVE_UP_NS;
    while (true) {
      List<SegmentDataManager> acquired = tryAcquire(partition, routed, hideDictionary);
      if (acquired != null) {
        return acquired;
      }
      if (System.nanoTime() > giveUpNs) {
        throw new NotAnswerable("headrace: the segments of " + _table.getTableName() + " keep changing");
      }
      LockSupport.parkNanos(RETRY_NS);
    }
  }

  /** Null when a segment was swapped between the freeze and its acquisition: freeze again. */
  private List<SegmentDataManager> tryAcquire(ArrivalPartition partition, Set<String> routed, boolean hideDictionary) {
    List<FrozenDocs> frozen = partition.freeze();
    List<SegmentDataManager> acquired = new ArrayList<>(frozen.size() + 1);
    Set<String> left = new TreeSet<>(routed);
    for (FrozenDocs docs : frozen) {
      IndexSegment live = docs.segment();
      SegmentDataManager manager = _table.acquireSegment(live.getSegmentName());
      if (manager == null || manager.getSegment() != live || !awaitPublished(live, docs.requiredDocs())) {
        if (manager != null) {
          _table.releaseSegment(manager);
        }
        release(acquired);
        return null;
      }
      acquired.add(new FrozenSegmentDataManager(manager, docs, hideDictionary));
      left.remove(live.getSegmentName());
    }
    // A routed segment without live documents: one just begun, or one dropped because nothing in it was valid.
    for (String name : left) {
      SegmentDataManager manager = _table.acquireSegment(name);
      if (manager != null) {
        acquired.add(new FrozenSegmentDataManager(manager, NOTHING, hideDictionary));
      }
    }
    return acquired;
  }

  /** Pinot publishes a row's document a moment after its key has moved; the frozen documents wait for that moment. */
  private static boolean awaitPublished(IndexSegment segment, int requiredDocs) {
    if (!(segment instanceof MutableSegment)) {
      return true;
    }
    long giveUpNs = System.nanoTime() + GIVE_UP_NS;
    while (((MutableSegment) segment).getNumDocsIndexed() < requiredDocs) {
      if (System.nanoTime() > giveUpNs) {
        return false;
      }
      Thread.onSpinWait();
    }
    return true;
  }

  private static int partitionOf(String segmentName) {
    return new LLCSegmentName(segmentName).getPartitionGroupId();
  }

  private void release(List<SegmentDataManager> acquired) {
    for (SegmentDataManager manager : acquired) {
      _table.releaseSegment(FrozenSegmentDataManager.unwrap(manager));
    }
    acquired.clear();
  }
}
