package io.headrace.transform;

import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;

/**
 * How long views stand still between two batches: from the end of the first task of one batch, the one that reads,
 * until all tasks of the next one run.
 *
 * <p>Thread-safe. Spark calls it from one thread of its own, a moment after what it tells.
 */
final class Boundaries extends SparkListener {
  /** What Spark puts into the properties of each job of a streaming query. */
  private static final String RUN = "spark.jobGroup.id";
  private static final String BATCH = "streaming.sql.batchId";

  private final Map<String, Run> _runs = new HashMap<>();
  private final Map<Integer, Stage> _stages = new HashMap<>();

  private record Stage(String run, long batch) {
  }

  /** Where one run of a query is. */
  private static final class Run {
    private final Pauses _pauses;
    private long _batch = -1;
    private long _endedMs;
    private long _endedBeforeMs;

    private Run(Pauses pauses) {
      _pauses = pauses;
    }

    private void taskStarts(long batch, long atMs) {
      if (batch != _batch) {
        _endedBeforeMs = _endedMs;
        _endedMs = 0;
        _batch = batch;
        if (_endedBeforeMs > 0) {
          _pauses.begin();
        }
      }
      if (_endedBeforeMs > 0) {
        _pauses.reaches(atMs - _endedBeforeMs);
      }
    }

    private void taskEnds(long batch, long atMs) {
      _batch = batch;
      if (_endedMs == 0) {
        _endedMs = atMs;
      }
    }
  }

  /** From now on this run of a query counts for the view. */
  synchronized void watch(UUID run, Pauses pauses) {
    _runs.put(run.toString(), new Run(pauses));
  }

  /** What follows is another run: its first batch has none before it. */
  synchronized void forget(UUID run) {
    _runs.remove(run.toString());
  }

  @Override
  public synchronized void onStageSubmitted(SparkListenerStageSubmitted submitted) {
    Properties properties = submitted.properties();
    String run = properties == null ? null : properties.getProperty(RUN);
    String batch = properties == null ? null : properties.getProperty(BATCH);
    if (run != null && batch != null) {
      _stages.put(submitted.stageInfo().stageId(), new Stage(run, Long.parseLong(batch)));
    }
  }

  @Override
  public synchronized void onStageCompleted(SparkListenerStageCompleted completed) {
    _stages.remove(completed.stageInfo().stageId());
  }

  @Override
  public synchronized void onTaskStart(SparkListenerTaskStart started) {
    Stage stage = _stages.get(started.stageId());
    if (stage != null && _runs.containsKey(stage.run())) {
      _runs.get(stage.run()).taskStarts(stage.batch(), started.taskInfo().launchTime());
    }
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd ended) {
    Stage stage = _stages.get(ended.stageId());
    if (stage != null && _runs.containsKey(stage.run())) {
      _runs.get(stage.run()).taskEnds(stage.batch(), ended.taskInfo().finishTime());
    }
  }
}
