package io.headrace.transform;

import io.headrace.transform.ViewStatus.State;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import org.apache.spark.sql.ForeachWriter;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The end of a batch tried out beside a view, before the view comes to its own first one.
 *
 * <p>Promise: once for each kind of view after every start, the same query reads what is new of the view's topic in
 * batches of a second, through some ends of a batch, and writes nothing. The view does not notice; whatever goes wrong
 * is only logged. What Spark and the JVM do for the first time takes three times as long.
 */
final class Rehearsal {
  private static final Logger LOGGER = LoggerFactory.getLogger(Rehearsal.class);
  private static final Duration SETTLED = Duration.ofSeconds(15);
  private static final Duration LONGEST = Duration.ofSeconds(30);
  private static final Duration LOOK_AGAIN = Duration.ofMillis(250);
  private static final int ENDS_OF_A_BATCH = 4;
  private static final long BATCH_MS = 1000;

  private final Settings _settings;
  private final Boundaries _boundaries;
  private final Set<ViewDocument.Kind> _done = EnumSet.noneOf(ViewDocument.Kind.class);

  Rehearsal(Settings settings, Boundaries boundaries) {
    _settings = settings;
    _boundaries = boundaries;
  }

  /** Returns at once; a view of a kind that was tried out already changes nothing. */
  void beside(View view) {
    // A batch that is over before the rehearsal is nothing to rehearse for.
    if (!_settings.realTime() || _settings.batchMs() < SETTLED.plus(LONGEST).toMillis()) {
      return;
    }
    ViewDocument.Kind kind = view.document().kind();
    synchronized (_done) {
      if (!_done.add(kind)) {
        return;
      }
    }
    Thread thread = new Thread(() -> run(view, _settings.folder().resolve("tmp").resolve("rehearsal-" + kind)),
        "rehearsal-" + kind);
    thread.setDaemon(true);
    thread.start();
  }

  private void run(View view, Path checkpoint) {
    try {
      long deadline = System.nanoTime() + Duration.ofMillis(_settings.batchMs()).toNanos();
      while (view.status().state() != State.RUNNING) {
        if (System.nanoTime() > deadline) {
          return; // failed, or removed before it ran
        }
        Thread.sleep(LOOK_AGAIN.toMillis());
      }
      Thread.sleep(SETTLED.toMillis());
      ViewStore.remove(checkpoint);
      passBatches(view, checkpoint);
      ViewStore.remove(checkpoint);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (Exception e) {
      LOGGER.info("view {}: the end of a batch was not tried out: {}", view.document().name(), e.getClass().getName());
    }
  }

  private void passBatches(View view, Path checkpoint)
      throws Exception {
    Pauses pauses = new Pauses();
    StreamingQuery query = view.unwritten().writeStream().foreach(new Nowhere()).outputMode("update")
        .trigger(Trigger.RealTime(BATCH_MS)).option("checkpointLocation", checkpoint.toString()).start();
    try {
      _boundaries.watch(query.runId(), pauses);
      long deadline = System.nanoTime() + LONGEST.toNanos();
      while (pauses.count() < ENDS_OF_A_BATCH && query.isActive() && System.nanoTime() < deadline) {
        Thread.sleep(LOOK_AGAIN.toMillis());
      }
      LOGGER.info("view {}: {} ends of a batch tried out, the last in {} ms", view.document().name(), pauses.count(),
          pauses.lastMs());
    } finally {
      _boundaries.forget(query.runId());
      query.stop();
    }
  }

  /** Takes results and does nothing with them. */
  private static final class Nowhere extends ForeachWriter<Row> {
    @Override
    public boolean open(long partition, long epoch) {
      return true;
    }

    @Override
    public void process(Row result) {
    }

    @Override
    public void close(Throwable failure) {
    }
  }
}
