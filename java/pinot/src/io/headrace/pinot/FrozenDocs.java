package io.headrace.pinot;

import org.apache.pinot.segment.spi.IndexSegment;
import org.apache.pinot.segment.spi.index.mutable.ThreadSafeMutableRoaringBitmap;
import org.roaringbitmap.buffer.MutableRoaringBitmap;

/** The valid documents of one segment at one point of its partition's log. Never changes; shared by queries. */
final class FrozenDocs extends ThreadSafeMutableRoaringBitmap {
  private final IndexSegment _segment;
  private final MutableRoaringBitmap _docs;

  FrozenDocs(IndexSegment segment, MutableRoaringBitmap docs) {
    _segment = segment;
    _docs = docs;
  }

  IndexSegment segment() {
    return _segment;
  }

  /** Pinot only reads the bitmap it gets here, so one copy serves every query until the segment changes. */
  @Override
  public MutableRoaringBitmap getMutableRoaringBitmap() {
    return _docs;
  }

  @Override
  public boolean contains(int docId) {
    return _docs.contains(docId);
  }

  @Override
  public void add(int docId) {
    throw new UnsupportedOperationException("frozen");
  }

  @Override
  public void remove(int docId) {
    throw new UnsupportedOperationException("frozen");
  }

  @Override
  public void replace(int oldDocId, int newDocId) {
    throw new UnsupportedOperationException("frozen");
  }

  /** The number of documents the segment must have published before these can be read. */
  int requiredDocs() {
    return _docs.isEmpty() ? 0 : _docs.last() + 1;
  }
}
