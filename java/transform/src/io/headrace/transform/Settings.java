package io.headrace.transform;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;

/**
 * How the application was started, and what follows for Spark.
 *
 * @param folder where documents and checkpoints are
 * @param realTime whether records go through one by one; else in micro-batches, in which a group shows once and in no
 *     particular order, so that the output says nothing of how far a view is
 * @param batchMs how long a batch lasts in real-time mode: as long does a replay after a crash reach back
 */
record Settings(int port, Path folder, boolean realTime, long batchMs) {
  /** Slots for tasks: a view takes two of them for good. They are threads that mostly sleep. */
  private static final int SLOTS = 256;

  /**
   * A batch is planned anew each time, and a view waits for it. The first of these rules makes a filter of explode, always
   * true here, that is pushed down through the whole query: 1.3 of 1.7 s. The others found nothing in a view of groups
   * and took 0.13 of the 0.43 s that were left.
   */
  private static final List<String> EXCLUDED_RULES = Stream.of("catalyst.optimizer.InferFiltersFromGenerate",
      "catalyst.optimizer.PruneFilters", "catalyst.optimizer.RemoveRedundantAliases",
      "catalyst.optimizer.RemoveNoopOperators", "catalyst.optimizer.OptimizeOneRowRelationSubquery",
      "catalyst.optimizer.OptimizeCsvJsonExprs", "execution.datasources.PruneFileSourcePartitions",
      "execution.datasources.SchemaPruning").map("org.apache.spark.sql."::concat).toList();

  static Settings parse(String[] arguments) {
    Map<String, String> stated = new HashMap<>();
    for (int at = 0; at + 1 < arguments.length; at += 2) {
      stated.put(arguments[at], arguments[at + 1]);
    }
    return new Settings(Integer.parseInt(stated.get("--port")), Path.of(stated.get("--folder")),
        !stated.getOrDefault("--mode", "real-time").equals("micro-batch"),
        Long.parseLong(stated.getOrDefault("--batch-ms", "120000")));
  }

  SparkSession session() {
    SparkSession session = SparkSession.builder().appName("headrace").master("local[" + SLOTS + "]")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        // Every batch writes its plan down for a page that nobody can open.
        .config("spark.sql.ui.explainMode", "simple")
        .config("spark.local.dir", folder.resolve("tmp").toString())
        .config("spark.sql.warehouse.dir", folder.resolve("tmp").toUri().toString())
        .config("spark.hadoop.fs.file.impl", CheckpointFiles.Local.class.getName())
        .config("spark.hadoop.fs.AbstractFileSystem.file.impl", CheckpointFiles.Plain.class.getName())
        .config("spark.sql.catalogImplementation", "in-memory")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.caseSensitive", "true")
        .config("spark.sql.decimalOperations.allowPrecisionLoss", "false")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.optimizer.excludedRules", String.join(",", EXCLUDED_RULES))
        // One partition: the order of the input is the order of the output.
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.shuffle.streaming.networkBufferMaxWaitTimeMs", "2")
        .config("spark.sql.streaming.realTimeMode.minBatchDuration", "1000")
        .config("spark.sql.streaming.stateStore.providerClass",
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider")
        .config("spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled", "true")
        .config("spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage", "true")
        .config("spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB", "96")
        .config("spark.sql.streaming.stateStore.checkpointFormatVersion", "2")
        .config("spark.sql.streaming.aggregation.stateFormatVersion", "2")
        // Views without state commit like those with one: what a kill leaves is then the same for both.
        .config("spark.sql.streaming.realTimeMode.asyncProgressTrackingByDefault.enabled", "false")
        .config("spark.sql.streaming.minBatchesToRetain", "4")
        .config("spark.sql.streaming.numRecentProgressUpdates", "2")
        .config("spark.sql.ui.retainedExecutions", "1")
        .config("spark.ui.retainedJobs", "4")
        .config("spark.ui.retainedStages", "4")
        .config("spark.ui.retainedTasks", "16")
        .config("spark.cleaner.periodicGC.interval", "10min")
        .config("spark.sql.streaming.stopTimeout", "60s")
        .getOrCreate();
    session.udf().register("headrace_avg", new NumericAverage(), DataTypes.StringType);
    return session;
  }

  Trigger trigger() {
    return realTime ? Trigger.RealTime(batchMs) : Trigger.ProcessingTime(0);
  }
}
