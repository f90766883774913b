package io.headrace.transform;

import io.headrace.transform.ViewStatus.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One view from its start to its removal, in a thread of its own.
 *
 * <p>Promise: its query runs, or the status says why not. A failed query starts again from its checkpoint, ever more
 * slowly; a TRUNCATE ends the old state and begins a new one, whatever dies in between; what cannot heal stays failed
 * until it is removed.
 */
final class View {
  private static final Logger LOGGER = LoggerFactory.getLogger(View.class);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
  /** What the Kafka connector takes for the end of a topic. */
  private static final long LATEST = -1;

  private final SparkSession _spark;
  private final Settings _settings;
  private final ViewStore _store;
  private final ViewDocument _document;
  private final Thread _thread;
  private final Boundaries _boundaries;
  private final Pauses _pauses = new Pauses();
  private final ReentrantLock _lock = new ReentrantLock();
  private final Condition _changed = _lock.newCondition();

  private long _startOffset;
  private Dataset<Row> _results;
  private State _state = State.STARTING;
  private Failure _failure;
  private long _restarts;
  private boolean _removed;
  private StreamingQuery _query;

  /** Spark resolves the whole query: it throws whatever Spark does not understand in the document. */
  View(SparkSession spark, Settings settings, ViewStore store, Boundaries boundaries, ViewDocument document,
      long startOffset) {
    _spark = spark;
    _settings = settings;
    _store = store;
    _boundaries = boundaries;
    _document = document;
    _startOffset = startOffset;
    _results = results(startOffset);
    _thread = new Thread(this::run, "view-" + document.name());
    _thread.setDaemon(true);
  }

  ViewDocument document() {
    return _document;
  }

  void start() {
    _thread.start();
  }

  /** Stops the query for good and returns when it has stopped. */
  void remove()
      throws InterruptedException {
    _lock.lock();
    try {
      _removed = true;
      _changed.signalAll();
    } finally {
      _lock.unlock();
    }
    stopQuery();
    _thread.join();
  }

  ViewStatus status() {
    _lock.lock();
    try {
      boolean told = _state != State.RUNNING && _failure != null;
      return new ViewStatus(_state, told ? _failure.code() : null, told ? _failure.message() : null, _startOffset,
          _restarts, _pauses.count(), _pauses.lastMs(), _pauses.longestMs());
    } finally {
      _lock.unlock();
    }
  }

  private void run() {
    Duration pause = FIRST_PAUSE;
    while (!removed()) {
      long began = System.nanoTime();
      Failure failure;
      try {
        failure = runOnce();
      } catch (InterruptedException e) {
        return;
      } catch (Exception e) {
        failure = Failure.of(e);
      }
      if (removed()) {
        return;
      }
      if (failure == null) {
        change(State.STARTING, null);
        continue;
      }
      LOGGER.warn("view {}: {}", _document.name(), failure.message());
      if (!failure.heals()) {
        change(State.FAILED, failure);
        return;
      }
      change(State.RESTARTING, failure);
      if (System.nanoTime() - began > LONGEST_PAUSE.toNanos()) {
        pause = FIRST_PAUSE;
      }
      await(pause);
      pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
    }
  }

  /** Runs the query to its end: why it failed, or null when it may start again at once. */
  private Failure runOnce()
      throws Exception {
    Path checkpoint = _store.checkpoint(_document.name(), _startOffset);
    if (BaseTopic.beginning(_document) > _startOffset && !Files.exists(checkpoint.resolve("commits").resolve("0"))
        && !Files.exists(checkpoint.resolve("metadata"))) {
      return Failure.logIncomplete();
    }
    if (_settings.realTime()) {
      Checkpoints.dropUncommitted(checkpoint);
    }
    begin(query(checkpoint));
    try {
      if (!removed()) {
        change(State.RUNNING, null);
      }
      _query.awaitTermination();
      return removed() ? null : new Failure("query-failed", "the query was stopped", true);
    } catch (StreamingQueryException e) {
      return stopped(e);
    } finally {
      stopQuery();
    }
  }

  private Failure stopped(StreamingQueryException failure)
      throws Exception {
    Stop stop = Stop.in(failure).orElse(null);
    if (stop == null) {
      return Failure.of(failure);
    }
    if (stop.reason().equals(Stop.UNREADABLE)) {
      return Failure.unreadable(stop);
    }
    BaseTopic.writeTruncate(_document, stop);
    startAnew(stop.offset() + 1);
    return null;
  }

  private void startAnew(long offset)
      throws IOException {
    _lock.lock();
    try {
      if (_removed) {
        return;
      }
      _store.keep(_document.name(), new ViewStore.Kept(_document.json(), offset));
      long before = _startOffset;
      _startOffset = offset;
      _store.removeCheckpoint(_document.name(), before);
    } finally {
      _lock.unlock();
    }
    _results = results(offset);
    LOGGER.info("view {}: TRUNCATE, starts anew at offset {}", _document.name(), offset);
  }

  /** The same query over what comes from now on, not started and written nowhere. */
  Dataset<Row> unwritten() {
    return results(LATEST);
  }

  private Dataset<Row> results(long fromOffset) {
    return new ViewQuery(_document).results(records(fromOffset));
  }

  private DataStreamWriter<Row> query(Path checkpoint) {
    return _results.writeStream().format("kafka").outputMode("update").queryName(_document.name())
        .trigger(_settings.trigger())
        .option("checkpointLocation", checkpoint.toString())
        .option("topic", _document.output())
        .option("kafka.bootstrap.servers", _document.bootstrap())
        // A producer of its own: Spark shares those with the same settings, and a flush waits for the records of all,
        // up to two minutes for those of a topic that somebody has deleted.
        .option("kafka.client.id", _document.name())
        .option("kafka.acks", "all")
        // Results of one transaction come within milliseconds: one request for them instead of one for each.
        .option("kafka.linger.ms", "2")
        .option("kafka.enable.idempotence", "true")
        .option("kafka.compression.type", "none");
  }

  private Dataset<Row> records(long fromOffset) {
    return _spark.readStream().format("kafka")
        .option("kafka.bootstrap.servers", _document.bootstrap())
        .option("kafka.isolation.level", "read_committed")
        .option("kafka.fetch.min.bytes", "1")
        .option("kafka.fetch.max.wait.ms", "100")
        .option("subscribe", _document.input())
        .option("startingOffsets", "{\"" + _document.input() + "\":{\"0\":" + fromOffset + "}}")
        .option("failOnDataLoss", "true")
        .load();
  }

  private void begin(DataStreamWriter<Row> writer)
      throws Exception {
    StreamingQuery query = writer.start();
    _boundaries.watch(query.runId(), _pauses);
    _lock.lock();
    try {
      _query = query;
      if (!_removed) {
        return;
      }
    } finally {
      _lock.unlock();
    }
    query.stop();
  }

  private void stopQuery() {
    StreamingQuery query;
    _lock.lock();
    try {
      query = _query;
    } finally {
      _lock.unlock();
    }
    if (query == null) {
      return;
    }
    _boundaries.forget(query.runId());
    if (query.isActive()) {
      try {
        query.stop();
      } catch (Exception e) {
        LOGGER.warn("view {}: does not stop: {}", _document.name(), e.getClass().getName());
      }
    }
  }

  private void change(State state, Failure failure) {
    _lock.lock();
    try {
      if (state == State.RESTARTING) {
        _restarts++;
      }
      _state = state;
      _failure = failure;
    } finally {
      _lock.unlock();
    }
  }

  private boolean removed() {
    _lock.lock();
    try {
      return _removed;
    } finally {
      _lock.unlock();
    }
  }

  private void await(Duration pause) {
    _lock.lock();
    try {
      long leftNs = pause.toNanos();
      while (!_removed && leftNs > 0) {
        leftNs = _changed.awaitNanos(leftNs);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      _lock.unlock();
    }
  }
}
