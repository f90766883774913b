package io.headrace.pinot;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.pinot.common.metrics.ServerGauge;
import org.apache.pinot.common.metrics.ServerMetrics;
import org.apache.pinot.common.utils.LLCSegmentName;
import org.apache.pinot.segment.local.indexsegment.immutable.EmptyIndexSegment;
import org.apache.pinot.segment.local.indexsegment.immutable.ImmutableSegmentImpl;
import org.apache.pinot.segment.local.upsert.ConcurrentMapPartitionUpsertMetadataManager;
import org.apache.pinot.segment.local.upsert.RecordInfo;
import org.apache.pinot.segment.local.upsert.UpsertUtils;
import org.apache.pinot.segment.local.utils.HashUtils;
import org.apache.pinot.segment.spi.ImmutableSegment;
import org.apache.pinot.segment.spi.IndexSegment;
import org.apache.pinot.segment.spi.MutableSegment;
import org.apache.pinot.segment.spi.index.mutable.ThreadSafeMutableRoaringBitmap;
import org.apache.pinot.spi.config.table.HashFunction;
import org.apache.pinot.spi.data.readers.GenericRow;
import org.apache.pinot.spi.data.readers.PrimaryKey;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which document holds the row of each key of one partition.
 *
 * <p>Promise: the version of a document is (sequence number of its segment, document id), that is its place in the
 * partition's log, so any order of loading segments gives the same answer. Every change and every freeze happens under
 * one lock: {@link #freeze} sees each key exactly once, as of one point of the log. When a segment is committed its
 * documents keep their ids, so the new segment takes over the valid documents of the old one at once; where they differ
 * (a copy built elsewhere) the partition is worked out again under the lock.
 *
 * <p>In the table of a view the version its record carries comes first, arrival second: Spark repeats older results after
 * a crash. A TRUNCATE there removes what has a smaller version than its own, also what arrives later.
 *
 * <p>It extends Pinot's class only because the table manager's interface names that class; nothing of it is used.
 */
final class ArrivalPartition extends ConcurrentMapPartitionUpsertMetadataManager {
  private static final Logger LOGGER = LoggerFactory.getLogger(ArrivalPartition.class);
  private static final String OFFSET_COLUMN = "__offset";
  private static final String VERSION_COLUMN = "__version";
  private static final int COMPARED_DOCS = 1000;
  /** Pinot's gauge is told the number of keys once in so many rows: it costs more than a row's place. */
  private static final int ROWS_PER_GAUGE = 1000;

  private final String _table;
  private final int _partition;
  private final List<String> _keyColumns;
  private final String _comparisonColumn;
  private final boolean _versioned;
  private final HashFunction _hash;
  private final ServerMetrics _metrics;

  private final ReentrantLock _lock = new ReentrantLock();
  private final Map<Object, RowLocation> _rows = new HashMap<>();
  /** Live segments by sequence number, oldest first. */
  private final TreeMap<Integer, LiveSegment> _segments = new TreeMap<>();
  /** Names of committed segments without a document: a commit was forced where nothing had been read. */
  private final Set<String> _empty = new HashSet<>();
  /** Documents before this place, of a view those with a smaller version, are gone: the last TRUNCATE. */
  private int _truncateSequence = -1;
  private int _truncateDocId = -1;
  private long _truncateVersion = Long.MIN_VALUE;
  /** The segment that took the last record, and its number, which is parsed from its name. */
  private MutableSegment _consuming;
  private int _consumingSequence;

  ArrivalPartition(String table, int partition, List<String> keyColumns, String comparisonColumn,
      HashFunction hash, ServerMetrics metrics) {
    super(table, partition, keyColumns, comparisonColumn, hash, null, metrics);
    _table = table;
    _partition = partition;
    _keyColumns = keyColumns;
    _comparisonColumn = comparisonColumn;
    _versioned = comparisonColumn.equals(VERSION_COLUMN);
    _hash = hash;
    _metrics = metrics;
  }

  /** The live segments with their valid documents, all as of one point of the partition's log; oldest first. */
  List<FrozenDocs> freeze() {
    _lock.lock();
    try {
      return LiveSegment.freezeAll(_segments.values());
    } finally {
      _lock.unlock();
    }
  }

  /** Whether all documents of the committed segment have a part in what is answered. */
  boolean holds(String segmentName) {
    _lock.lock();
    try {
      if (_empty.contains(segmentName)) {
        return true;
      }
      LiveSegment live = _segments.get(LLCSegmentName.getSequenceNumber(segmentName));
      return live != null && live.segment().getSegmentName().equals(segmentName);
    } finally {
      _lock.unlock();
    }
  }

  @Override
  public void addRecord(MutableSegment segment, RecordInfo info) {
    _lock.lock();
    try {
      if (_consuming != segment) {
        _consuming = segment;
        _consumingSequence = LLCSegmentName.getSequenceNumber(segment.getSegmentName());
      }
      LiveSegment live = _segments.computeIfAbsent(_consumingSequence,
          sequence -> new LiveSegment(sequence, segment, Objects.requireNonNull(segment.getValidDocIds())));
      apply(live, info);
      if (info.getDocId() % ROWS_PER_GAUGE == 0) {
        _metrics.setValueOfPartitionGauge(_table, _partition, ServerGauge.UPSERT_PRIMARY_KEYS_COUNT, _rows.size());
      }
    } finally {
      _lock.unlock();
    }
  }

  @Override
  public void addSegment(ImmutableSegment segment) {
    _lock.lock();
    try {
      if (segment instanceof EmptyIndexSegment) {
        _empty.add(segment.getSegmentName());
        return;
      }
      _empty.remove(segment.getSegmentName());
      int sequence = LLCSegmentName.getSequenceNumber(segment.getSegmentName());
      LiveSegment live = new LiveSegment(sequence, segment, new ThreadSafeMutableRoaringBitmap());
      ((ImmutableSegmentImpl) segment).enableUpsert(this, live.validDocs());
      _segments.put(sequence, live);
      applyAll(live, docCount(segment));
    } finally {
      _lock.unlock();
    }
    LOGGER.info("{} partition {}: loaded {}, {} keys", _table, _partition, segment.getSegmentName(), _rows.size());
  }

  @Override
  public void replaceSegment(ImmutableSegment segment, IndexSegment oldSegment) {
    int sequence = LLCSegmentName.getSequenceNumber(segment.getSegmentName());
    _lock.lock();
    try {
      LiveSegment live = _segments.get(sequence);
      if (segment instanceof EmptyIndexSegment) {
        _empty.add(segment.getSegmentName());
        if (live == null) {
          return;
        }
      } else {
        _empty.remove(segment.getSegmentName());
      }
      if (live != null && live.segment() == oldSegment && sameDocs(segment, oldSegment)) {
        ((ImmutableSegmentImpl) segment).enableUpsert(this, live.validDocs());
        live.replaceBy(segment);
        return;
      }
      LOGGER.info("{} partition {}: {} differs from the segment it replaces, working the partition out again", _table,
          _partition, segment.getSegmentName());
      if (segment instanceof EmptyIndexSegment) {
        _segments.remove(sequence);
      } else {
        LiveSegment fresh = new LiveSegment(sequence, segment, new ThreadSafeMutableRoaringBitmap());
        ((ImmutableSegmentImpl) segment).enableUpsert(this, fresh.validDocs());
        _segments.put(sequence, fresh);
      }
      rebuild();
    } finally {
      _lock.unlock();
    }
  }

  @Override
  public void removeSegment(IndexSegment segment) {
    int sequence = LLCSegmentName.getSequenceNumber(segment.getSegmentName());
    _lock.lock();
    try {
      if (_consuming == segment) {
        _consuming = null;
      }
      LiveSegment live = _segments.get(sequence);
      if (live == null || live.segment() != segment) {
        return; // replaced before: its documents live on in the segment that took its place
      }
      // Before its rows go: who looks meanwhile gives no answer.
      if (segment instanceof MutableSegment) {
        // Rows readers have seen are gone until the log is read again.
        Progress.of(_table, _partition).restart();
      } else {
        Progress.of(_table, _partition).unload();
      }
      _segments.remove(sequence);
      for (Iterator<RowLocation> rows = _rows.values().iterator(); rows.hasNext();) {
        if (rows.next().segment() == live) {
          rows.remove();
        }
      }
      if (segment instanceof MutableSegment) {
        rebuild();
      }
    } finally {
      _lock.unlock();
    }
  }

  @Override
  public GenericRow updateRecord(GenericRow record, RecordInfo recordInfo) {
    return record;
  }

  @Override
  public void close() {
    _lock.lock();
    try {
      _rows.clear();
      _segments.clear();
      _empty.clear();
      _consuming = null;
    } finally {
      _lock.unlock();
    }
  }

  private void rebuild() {
    _rows.clear();
    _truncateSequence = -1;
    _truncateDocId = -1;
    _truncateVersion = Long.MIN_VALUE;
    for (LiveSegment live : _segments.values()) {
      live.invalidateAll();
      applyAll(live, docCount(live.segment()));
    }
  }

  private void applyAll(LiveSegment live, int docs) {
    IndexSegment segment = live.segment();
    for (int docId = 0; docId < docs; docId++) {
      PrimaryKey key = new PrimaryKey(new Object[_keyColumns.size()]);
      UpsertUtils.getPrimaryKey(segment, _keyColumns, docId, key);
      apply(live, new RecordInfo(key, docId, (Comparable) segment.getValue(docId, _comparisonColumn)));
    }
  }

  private void apply(LiveSegment live, RecordInfo info) {
    long code = ((Number) info.getComparisonValue()).longValue();
    RowKind kind = _versioned ? RowKind.ofVersionCode(code) : RowKind.of(code);
    long version = _versioned ? RowKind.versionOf(code) : 0;
    int docId = info.getDocId();
    if (kind == RowKind.REJECT_WITHOUT_KEY) {
      return;
    }
    if (kind == RowKind.TRUNCATE) {
      truncate(version, live.sequence(), docId);
      return;
    }
    if (isTruncated(version, live.sequence(), docId)) {
      return;
    }
    Object key = HashUtils.hashPrimaryKey(info.getPrimaryKey(), _hash);
    RowLocation current = _rows.get(key);
    if (current != null) {
      if (isOlder(version, live.sequence(), docId, current)) {
        return;
      }
      current.segment().invalidate(current.docId());
    }
    if (kind == RowKind.ROW) {
      live.validate(docId);
    }
    _rows.put(key, _versioned ? new RowLocation.Versioned(live, docId, version) : new RowLocation(live, docId));
  }

  private void truncate(long version, int sequence, int docId) {
    if (isTruncated(version, sequence, docId)) {
      return;
    }
    _truncateVersion = version;
    _truncateSequence = sequence;
    _truncateDocId = docId;
    for (Iterator<RowLocation> rows = _rows.values().iterator(); rows.hasNext();) {
      RowLocation row = rows.next();
      if (isTruncated(row.version(), row.segment().sequence(), row.docId())) {
        row.segment().invalidate(row.docId());
        rows.remove();
      }
    }
  }

  private boolean isTruncated(long version, int sequence, int docId) {
    return _versioned ? version < _truncateVersion : isBefore(sequence, docId, _truncateSequence, _truncateDocId);
  }

  private static boolean isOlder(long version, int sequence, int docId, RowLocation current) {
    if (version != current.version()) {
      return version < current.version();
    }
    return isBefore(sequence, docId, current.segment().sequence(), current.docId());
  }

  private static boolean isBefore(int sequence, int docId, int otherSequence, int otherDocId) {
    return sequence < otherSequence || (sequence == otherSequence && docId < otherDocId);
  }

  /**
   * Whether both hold the same records under the same document ids. Document ids follow the log, so the same number of
   * documents with the same offsets at both ends and at a thousand places between can only be the same records; a
   * segment sorted by some column fails at one of them.
   */
  private static boolean sameDocs(IndexSegment segment, IndexSegment oldSegment) {
    if (segment instanceof EmptyIndexSegment || oldSegment instanceof EmptyIndexSegment) {
      return false;
    }
    int docs = docCount(segment);
    if (docs == 0 || docs != docCount(oldSegment)) {
      return false;
    }
    int step = Math.max(1, docs / COMPARED_DOCS);
    for (int docId = 0; docId < docs; docId += step) {
      if (!sameOffset(segment, oldSegment, docId)) {
        return false;
      }
    }
    return sameOffset(segment, oldSegment, docs - 1);
  }

  private static int docCount(IndexSegment segment) {
    return segment instanceof MutableSegment ? ((MutableSegment) segment).getNumDocsIndexed()
        : segment.getSegmentMetadata().getTotalDocs();
  }

  private static boolean sameOffset(IndexSegment segment, IndexSegment oldSegment, int docId) {
    return segment.getValue(docId, OFFSET_COLUMN).equals(oldSegment.getValue(docId, OFFSET_COLUMN));
  }
}
