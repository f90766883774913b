package io.headrace.pinot;

import com.google.common.base.Preconditions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.pinot.core.operator.blocks.ProjectionBlock;
import org.apache.pinot.core.operator.transform.TransformResultMetadata;
import org.apache.pinot.core.operator.transform.function.BaseTransformFunction;
import org.apache.pinot.core.operator.transform.function.IdentifierTransformFunction;
import org.apache.pinot.core.operator.transform.function.TransformFunction;
import org.apache.pinot.segment.spi.datasource.DataSource;
import org.apache.pinot.segment.spi.index.reader.NullValueVectorReader;
import org.roaringbitmap.PeekableIntIterator;
import org.roaringbitmap.buffer.ImmutableRoaringBitmap;

/**
 * {@code headraceNull(c)}: 1 in the rows where column c is NULL, else 0. Named in {@code pinot.server.transforms}.
 *
 * <p>Promise: right for any rows, in any order of blocks, however often it is asked. Pinot 0.11.0's own {@code isNull} and
 * {@code isNotNull} walk one iterator that is never set back: the second reading of a block is wrong, and a row behind the
 * last NULL ends the query with IndexOutOfBoundsException.
 */
public final class NullMark extends BaseTransformFunction {
  public static final String NAME = "headraceNull";

  @Nullable
  private ImmutableRoaringBitmap _nulls;
  private int[] _marks = new int[0];

  @Override
  public String getName() {
    return NAME;
  }

  @Override
  public void init(List<TransformFunction> arguments, Map<String, DataSource> dataSourceMap) {
    Preconditions.checkArgument(arguments.size() == 1 && arguments.get(0) instanceof IdentifierTransformFunction,
        "%s takes one column", NAME);
    String column = ((IdentifierTransformFunction) arguments.get(0)).getColumnName();
    NullValueVectorReader reader = dataSourceMap.get(column).getNullValueVector();
    _nulls = reader == null ? null : reader.getNullBitmap();
  }

  @Override
  public TransformResultMetadata getResultMetadata() {
    return INT_SV_NO_DICTIONARY_METADATA;
  }

  @Override
  public int[] transformToIntValuesSV(ProjectionBlock block) {
    int length = block.getNumDocs();
    if (_marks.length < length) {
      _marks = new int[length];
    }
    Arrays.fill(_marks, 0, length, 0);
    if (_nulls != null && length > 0) {
      mark(block.getDocIds(), length);
    }
    return _marks;
  }

  private void mark(int[] docIds, int length) {
    PeekableIntIterator nulls = _nulls.getIntIterator();
    int row = 0;
    while (row < length && nulls.hasNext()) {
      nulls.advanceIfNeeded(docIds[row]);
      if (!nulls.hasNext()) {
        return;
      }
      int next = nulls.next();
      while (row < length && docIds[row] < next) {
        row++;
      }
      if (row < length && docIds[row] == next) {
        _marks[row++] = 1;
      }
    }
  }
}
