package io.headrace.pinot;

import org.apache.pinot.segment.local.data.manager.SegmentDataManager;
import org.apache.pinot.segment.spi.ImmutableSegment;
import org.apache.pinot.segment.spi.IndexSegment;
import org.apache.pinot.segment.spi.MutableSegment;

/** An acquired segment as one query sees it. The reference count is the wrapped manager's. */
final class FrozenSegmentDataManager extends SegmentDataManager {
  private final SegmentDataManager _manager;
  private final IndexSegment _segment;

  FrozenSegmentDataManager(SegmentDataManager manager, FrozenDocs docs, boolean hideDictionary) {
    _manager = manager;
    IndexSegment segment = manager.getSegment();
    if (segment instanceof MutableSegment) {
      _segment = new FrozenSegment.Consuming((MutableSegment) segment, docs, hideDictionary);
    } else if (segment instanceof ImmutableSegment) {
      _segment = new FrozenSegment.Committed((ImmutableSegment) segment, docs, hideDictionary);
    } else {
      _segment = new FrozenSegment(segment, docs, hideDictionary);
    }
  }

  static SegmentDataManager unwrap(SegmentDataManager manager) {
    return manager instanceof FrozenSegmentDataManager ? ((FrozenSegmentDataManager) manager)._manager : manager;
  }

  @Override
  public String getSegmentName() {
    return _manager.getSegmentName();
  }

  @Override
  public IndexSegment getSegment() {
    return _segment;
  }

  @Override
  public void destroy() {
    throw new UnsupportedOperationException("a query's view of a segment is not destroyed");
  }
}
