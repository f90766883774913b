package io.headrace.pinot;

import org.apache.pinot.segment.spi.datasource.DataSource;
import org.apache.pinot.segment.spi.datasource.DataSourceMetadata;
import org.apache.pinot.segment.spi.index.reader.BloomFilterReader;
import org.apache.pinot.segment.spi.index.reader.Dictionary;
import org.apache.pinot.segment.spi.index.reader.ForwardIndexReader;
import org.apache.pinot.segment.spi.index.reader.H3IndexReader;
import org.apache.pinot.segment.spi.index.reader.InvertedIndexReader;
import org.apache.pinot.segment.spi.index.reader.JsonIndexReader;
import org.apache.pinot.segment.spi.index.reader.NullValueVectorReader;
import org.apache.pinot.segment.spi.index.reader.RangeIndexReader;
import org.apache.pinot.segment.spi.index.reader.TextIndexReader;
import org.roaringbitmap.buffer.ImmutableRoaringBitmap;
import org.roaringbitmap.buffer.MutableRoaringBitmap;

/**
 * A column that must be scanned. Pinot 0.11.0 answers {@code SELECT DISTINCT c} without a filter from the dictionary of
 * c, which holds the values of dead rows too, unless the column has NULLs: so this one says it has one, at a document
 * that does not exist. Used for such queries alone, and only with null handling off, where nothing else looks at it.
 */
final class ScannedDataSource implements DataSource {
  private static final MutableRoaringBitmap NO_SUCH_DOC = MutableRoaringBitmap.bitmapOf(Integer.MAX_VALUE);

  private final DataSource _source;

  ScannedDataSource(DataSource source) {
    _source = source;
  }

  @Override
  public NullValueVectorReader getNullValueVector() {
    return new NullValueVectorReader() {
      @Override
      public boolean isNull(int docId) {
        return false;
      }

      @Override
      public ImmutableRoaringBitmap getNullBitmap() {
        return NO_SUCH_DOC;
      }
    };
  }

  @Override
  public DataSourceMetadata getDataSourceMetadata() {
    return _source.getDataSourceMetadata();
  }

  @Override
  public ForwardIndexReader<?> getForwardIndex() {
    return _source.getForwardIndex();
  }

  @Override
  public Dictionary getDictionary() {
    return _source.getDictionary();
  }

  @Override
  public InvertedIndexReader<?> getInvertedIndex() {
    return _source.getInvertedIndex();
  }

  @Override
  public RangeIndexReader<?> getRangeIndex() {
    return _source.getRangeIndex();
  }

  @Override
  public TextIndexReader getTextIndex() {
    return _source.getTextIndex();
  }

  @Override
  public TextIndexReader getFSTIndex() {
    return _source.getFSTIndex();
  }

  @Override
  public JsonIndexReader getJsonIndex() {
    return _source.getJsonIndex();
  }

  @Override
  public H3IndexReader getH3Index() {
    return _source.getH3Index();
  }

  @Override
  public BloomFilterReader getBloomFilter() {
    return _source.getBloomFilter();
  }
}
