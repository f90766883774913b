package io.headrace.pinot;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.pinot.segment.spi.IndexSegment;
import org.apache.pinot.segment.spi.index.mutable.ThreadSafeMutableRoaringBitmap;
import org.roaringbitmap.IntIterator;

/**
 * One segment of a partition, consuming or committed, with its valid documents. All calls are made under the
 * partition's lock; the copy for queries is made when one asks and the segment has changed since.
 */
final class LiveSegment {
  private final int _sequence;
  private final ThreadSafeMutableRoaringBitmap _validDocs;
  private IndexSegment _segment;
  private FrozenDocs _frozen;

  LiveSegment(int sequence, IndexSegment segment, ThreadSafeMutableRoaringBitmap validDocs) {
    _sequence = sequence;
    _segment = segment;
    _validDocs = validDocs;
  }

  static List<FrozenDocs> freezeAll(Collection<LiveSegment> segments) {
    List<FrozenDocs> frozen = new ArrayList<>(segments.size());
    for (LiveSegment segment : segments) {
      frozen.add(segment.freeze());
    }
    return frozen;
  }

  int sequence() {
    return _sequence;
  }

  IndexSegment segment() {
    return _segment;
  }

  ThreadSafeMutableRoaringBitmap validDocs() {
    return _validDocs;
  }

  /** The committed form takes the place of the consuming one; documents keep their ids. */
  void replaceBy(IndexSegment segment) {
    _segment = segment;
    _frozen = null;
  }

  void validate(int docId) {
    _validDocs.add(docId);
    _frozen = null;
  }

  void invalidate(int docId) {
    _validDocs.remove(docId);
    _frozen = null;
  }

  void invalidateAll() {
    IntIterator docs = _validDocs.getMutableRoaringBitmap().getIntIterator();
    while (docs.hasNext()) {
      _validDocs.remove(docs.next());
    }
    _frozen = null;
  }

  private FrozenDocs freeze() {
    if (_frozen == null) {
      _frozen = new FrozenDocs(_segment, _validDocs.getMutableRoaringBitmap());
    }
    return _frozen;
  }
}
