package io.headrace.pinot;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.pinot.segment.spi.FetchContext;
import org.apache.pinot.segment.spi.ImmutableSegment;
import org.apache.pinot.segment.spi.IndexSegment;
import org.apache.pinot.segment.spi.MutableSegment;
import org.apache.pinot.segment.spi.SegmentMetadata;
import org.apache.pinot.segment.spi.datasource.DataSource;
import org.apache.pinot.segment.spi.index.mutable.ThreadSafeMutableRoaringBitmap;
import org.apache.pinot.segment.spi.index.reader.Dictionary;
import org.apache.pinot.segment.spi.index.reader.ForwardIndexReader;
import org.apache.pinot.segment.spi.index.reader.InvertedIndexReader;
import org.apache.pinot.segment.spi.index.startree.StarTreeV2;
import org.apache.pinot.spi.data.readers.GenericRow;
import org.apache.pinot.spi.stream.RowMetadata;

/** A segment with the valid documents of one moment; everything else is the segment's own. */
class FrozenSegment implements IndexSegment {
  private final IndexSegment _segment;
  private final FrozenDocs _docs;
  private final boolean _hideDictionary;

  FrozenSegment(IndexSegment segment, FrozenDocs docs, boolean hideDictionary) {
    _segment = segment;
    _docs = docs;
    _hideDictionary = hideDictionary;
  }

  @Override
  public ThreadSafeMutableRoaringBitmap getValidDocIds() {
    return _docs;
  }

  @Override
  public DataSource getDataSource(String columnName) {
    DataSource source = _segment.getDataSource(columnName);
    return _hideDictionary && source.getDictionary() != null ? new ScannedDataSource(source) : source;
  }

  @Override
  public String getSegmentName() {
    return _segment.getSegmentName();
  }

  @Override
  public SegmentMetadata getSegmentMetadata() {
    return _segment.getSegmentMetadata();
  }

  @Override
  public Set<String> getColumnNames() {
    return _segment.getColumnNames();
  }

  @Override
  public Set<String> getPhysicalColumnNames() {
    return _segment.getPhysicalColumnNames();
  }

  @Override
  public List<StarTreeV2> getStarTrees() {
    return _segment.getStarTrees();
  }

  @Override
  public GenericRow getRecord(int docId, GenericRow reuse) {
    return _segment.getRecord(docId, reuse);
  }

  @Override
  public Object getValue(int docId, String column) {
    return _segment.getValue(docId, column);
  }

  @Override
  public void prefetch(FetchContext fetchContext) {
    _segment.prefetch(fetchContext);
  }

  @Override
  public void acquire(FetchContext fetchContext) {
    _segment.acquire(fetchContext);
  }

  @Override
  public void release(FetchContext fetchContext) {
    _segment.release(fetchContext);
  }

  @Override
  public void destroy() {
    throw new UnsupportedOperationException("a query's view of a segment is not destroyed");
  }

  /** A consuming segment: Pinot asks for the interface to tell it from a committed one. */
  static final class Consuming extends FrozenSegment implements MutableSegment {
    private final MutableSegment _mutable;

    Consuming(MutableSegment segment, FrozenDocs docs, boolean hideDictionary) {
      super(segment, docs, hideDictionary);
      _mutable = segment;
    }

    @Override
    public boolean index(GenericRow row, @Nullable RowMetadata rowMetadata)
        throws IOException {
      throw new UnsupportedOperationException("a query's view of a segment is not written");
    }

    @Override
    public int getNumDocsIndexed() {
      return _mutable.getNumDocsIndexed();
    }
  }

  /** A committed segment. */
  @SuppressWarnings("rawtypes") // as Pinot's interface declares them
  static final class Committed extends FrozenSegment implements ImmutableSegment {
    private final ImmutableSegment _immutable;

    Committed(ImmutableSegment segment, FrozenDocs docs, boolean hideDictionary) {
      super(segment, docs, hideDictionary);
      _immutable = segment;
    }

    @Override
    public Dictionary getDictionary(String column) {
      return _immutable.getDictionary(column);
    }

    @Override
    public ForwardIndexReader getForwardIndex(String column) {
      return _immutable.getForwardIndex(column);
    }

    @Override
    public InvertedIndexReader getInvertedIndex(String column) {
      return _immutable.getInvertedIndex(column);
    }

    @Override
    public long getSegmentSizeBytes() {
      return _immutable.getSegmentSizeBytes();
    }

    @Override
    public String getTier() {
      return _immutable.getTier();
    }
  }
}
