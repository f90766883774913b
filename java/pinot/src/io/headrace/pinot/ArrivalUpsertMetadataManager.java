package io.headrace.pinot;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.annotation.Nullable;
import org.apache.pinot.common.metrics.ServerMetrics;
import org.apache.pinot.segment.local.data.manager.TableDataManager;
import org.apache.pinot.segment.local.upsert.BaseTableUpsertMetadataManager;
import org.apache.pinot.spi.config.table.TableConfig;
import org.apache.pinot.spi.data.Schema;

/**
 * Upsert by arrival: the last record of a key in its partition is the key's row.
 *
 * <p>Named by {@code upsertConfig.metadataManagerClass}. The comparison column is {@code __kind}, which tells rows from
 * tombstones, rejects and truncates ({@link RowKind}); in the table of a view it is {@code __version}, which holds a
 * version too: the greatest one of a key is then its row, whenever it arrives.
 */
public final class ArrivalUpsertMetadataManager extends BaseTableUpsertMetadataManager {
  private static final Map<String, ArrivalUpsertMetadataManager> TABLES = new ConcurrentHashMap<>();

  private final Map<Integer, ArrivalPartition> _partitions = new ConcurrentHashMap<>();

  /** The manager of a table on this server, null for a table that is not ours. */
  @Nullable
  static ArrivalUpsertMetadataManager of(String tableNameWithType) {
    return TABLES.get(tableNameWithType);
  }

  @Override
  public void init(TableConfig tableConfig, Schema schema, TableDataManager tableDataManager,
      ServerMetrics serverMetrics) {
    super.init(tableConfig, schema, tableDataManager, serverMetrics);
    Progress.forget(_tableNameWithType);
    TABLES.put(_tableNameWithType, this);
  }

  @Override
  public ArrivalPartition getOrCreatePartitionManager(int partitionId) {
    return _partitions.computeIfAbsent(partitionId,
        partition -> new ArrivalPartition(_tableNameWithType, partition, _primaryKeyColumns, _comparisonColumn,
            _hashFunction, _serverMetrics));
  }

  @Nullable
  ArrivalPartition partition(int partitionId) {
    return _partitions.get(partitionId);
  }

  @Override
  public void close() {
    if (TABLES.remove(_tableNameWithType, this)) {
      SnapshotTables.forget(_tableNameWithType);
    }
  }
}
