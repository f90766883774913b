package io.headrace.pinot;

import com.google.common.cache.CacheBuilder;
import com.google.common.cache.CacheLoader;
import com.google.common.cache.LoadingCache;
import java.io.File;
import java.lang.reflect.Field;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import javax.annotation.Nullable;
import org.apache.commons.configuration.ConfigurationException;
import org.apache.commons.io.FileUtils;
import org.apache.commons.lang3.tuple.Pair;
import org.apache.helix.HelixManager;
import org.apache.pinot.common.metadata.ZKMetadataProvider;
import org.apache.pinot.common.metrics.ServerMetrics;
import org.apache.pinot.common.restlet.resources.SegmentErrorInfo;
import org.apache.pinot.segment.local.data.manager.TableDataManager;
import org.apache.pinot.segment.local.data.manager.TableDataManagerConfig;
import org.apache.pinot.segment.local.data.manager.TableDataManagerParams;
import org.apache.pinot.server.starter.helix.HelixInstanceDataManager;
import org.apache.pinot.server.starter.helix.HelixInstanceDataManagerConfig;
import org.apache.pinot.spi.config.table.TableConfig;
import org.apache.pinot.spi.config.table.UpsertConfig;
import org.apache.pinot.spi.env.PinotConfiguration;
import org.apache.pinot.spi.utils.builder.TableNameBuilder;

/**
 * Pinot's own, with a {@link PauselessTableDataManager} for every table kept by {@link ArrivalUpsertMetadataManager}:
 * named by {@code pinot.server.instance.data.manager.class}.
 */
public final class PauselessInstanceDataManager extends HelixInstanceDataManager {
  private HelixInstanceDataManagerConfig _config;
  private HelixManager _helixManager;
  private ServerMetrics _metrics;
  private Semaphore _builds;
  private LoadingCache<Pair<String, String>, SegmentErrorInfo> _errors;
  private ConcurrentHashMap<String, TableDataManager> _tables;

  @Override
  public synchronized void init(PinotConfiguration config, HelixManager helixManager, ServerMetrics serverMetrics)
      throws ConfigurationException {
    super.init(config, helixManager, serverMetrics);
    _config = new HelixInstanceDataManagerConfig(config);
    _helixManager = helixManager;
    _metrics = serverMetrics;
    int builds = _config.getMaxParallelSegmentBuilds();
    _builds = builds > 0 ? new Semaphore(builds, true) : null;
    _errors = CacheBuilder.newBuilder().maximumSize(_config.getErrorCacheSize()).build(new OnlyWhatIsPut());
    _tables = tablesOfPinot();
  }

  @Override
  public void addRealtimeSegment(String realtimeTableName, String segmentName)
      throws Exception {
    _tables.computeIfAbsent(realtimeTableName, this::create);
    super.addRealtimeSegment(realtimeTableName, segmentName);
  }

  @Override
  public void addOrReplaceSegment(String tableNameWithType, String segmentName)
      throws Exception {
    if (TableNameBuilder.isRealtimeTableResource(tableNameWithType)) {
      _tables.computeIfAbsent(tableNameWithType, this::create);
    }
    super.addOrReplaceSegment(tableNameWithType, segmentName);
  }

  /** Null for a table that is not ours: Pinot creates its own manager then. */
  @Nullable
  private TableDataManager create(String tableNameWithType) {
    TableConfig tableConfig = ZKMetadataProvider.getTableConfig(getPropertyStore(), tableNameWithType);
    UpsertConfig upsert = tableConfig == null ? null : tableConfig.getUpsertConfig();
    if (upsert == null || !ArrivalUpsertMetadataManager.class.getName().equals(upsert.getMetadataManagerClass())) {
      return null;
    }
    TableDataManagerConfig settings =
        TableDataManagerConfig.getDefaultHelixTableDataManagerConfig(_config, tableNameWithType);
    settings.overrideConfigs(tableConfig);
    // What a kill left of segments that were being built; Pinot clears another folder.
    FileUtils.deleteQuietly(new File(settings.getDataDir(), "_tmp"));
    TableDataManager table = new PauselessTableDataManager(_config, _builds);
    table.init(settings, getInstanceId(), getPropertyStore(), _metrics, _helixManager, _errors,
        new TableDataManagerParams(_config));
    table.start();
    return table;
  }

  /** Pinot keeps the managers of its tables to itself and creates those that are missing: ours must be there before. */
  @SuppressWarnings("unchecked")
  private ConcurrentHashMap<String, TableDataManager> tablesOfPinot() {
    try {
      Field tables = HelixInstanceDataManager.class.getDeclaredField("_tableDataManagerMap");
      tables.setAccessible(true);
      return (ConcurrentHashMap<String, TableDataManager>) tables.get(this);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("not the Pinot these classes are made for", e);
    }
  }

  private static final class OnlyWhatIsPut extends CacheLoader<Pair<String, String>, SegmentErrorInfo> {
    @Override
    public SegmentErrorInfo load(Pair<String, String> tableAndSegment) {
      return null;
    }
  }
}
