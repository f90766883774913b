package io.headrace.capture;

import io.debezium.config.Configuration;
import io.debezium.connector.base.QueueProvider;
import io.debezium.connector.base.QueueProviderService;
import io.debezium.pipeline.DataChangeEvent;
import io.debezium.service.spi.ServiceProvider;
import io.debezium.service.spi.ServiceRegistry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The buffer between the thread that reads the log and the task's own: whoever takes is woken by the first event.
 *
 * <p>Debezium's queue hands out nothing before its poll interval is over, however soon an event came, and burns a good
 * part of a processor at the end of each short one. Here the wait ends at the first event, and what else has arrived by
 * then goes with it, so that batches grow by themselves while Kafka is busy with the last one.
 *
 * <p>Only in a flood, when {@value #FLOOD_EVENTS} events or more came at once, does the next taker wait for a full batch,
 * for {@value #GATHER_MS} ms at most: each batch is a transaction of Kafka, whose price is the same for ten rows and for
 * thousands. Where the last batch held several changes, the next one is taken when {@value #PAUSE_MS} ms have brought
 * no more, or after {@value #MOST_PAUSES} such waits: the rows of one transaction follow each other more closely than
 * that, and stay together. Changes that come one by one never wait.
 *
 * <p>Bounded by number and by size: {@link #enqueue} blocks while it is full, never in the taker's way. Thread-safe.
 */
final class ArrivalQueue implements QueueProvider<DataChangeEvent> {
  static final int MAX_EVENTS = 8192;
  static final long MAX_BYTES = 64L * 1024 * 1024;

  static final int FLOOD_EVENTS = 64;
  static final long GATHER_MS = 50;
  static final long PAUSE_MS = 1;
  static final int MOST_PAUSES = 5;

  private final long _gatherMs;
  private final long _pauseMs;
  private final ArrayDeque<Sized> _events = new ArrayDeque<>();
  private long _bytes;
  /** How many events the taker waits for; 0 while it does not wait. */
  private int _awaited;
  private int _lastBatch;

  ArrivalQueue() {
    this(GATHER_MS, PAUSE_MS);
  }

  /**
   * @param gatherMs how long a taker waits in a flood
   * @param pauseMs how long nothing comes behind the last row of a transaction
   */
  ArrivalQueue(long gatherMs, long pauseMs) {
    _gatherMs = gatherMs;
    _pauseMs = pauseMs;
  }

  /** Measuring an event means walking through it: done once. */
  private record Sized(DataChangeEvent event, long bytes) {
  }

  @Override
  public String name() {
    return "headrace";
  }

  @Override
  public void configure(Map<String, ?> properties) {
    // Its bounds are its own.
  }

  @Override
  public void enqueue(DataChangeEvent event)
      throws InterruptedException {
    add(new Sized(event, Footprint.of(event.getRecord())));
  }

  private synchronized void add(Sized event)
      throws InterruptedException {
    while (isFull()) {
      wait();
    }
    _events.add(event);
    _bytes += event.bytes();
    if (_awaited > 0 && (_events.size() >= _awaited || isFull())) {
      notifyAll();
    }
  }

  @Override
  public synchronized DataChangeEvent poll() {
    notifyAll();
    return next();
  }

  @Override
  public synchronized int size() {
    return _events.size();
  }

  /** Up to so many events, in order, as soon as there is one; none when the time is over first. */
  synchronized List<DataChangeEvent> take(int most, long timeoutMs)
      throws InterruptedException {
    await(1, timeoutMs);
    if (_lastBatch >= FLOOD_EVENTS) {
      await(most, _gatherMs);
    } else if (_lastBatch > 1) {
      awaitPause(most);
    }
    List<DataChangeEvent> taken = new ArrayList<>(Math.min(most, _events.size()));
    while (taken.size() < most && !_events.isEmpty()) {
      taken.add(next());
    }
    _lastBatch = taken.size();
    notifyAll();
    return taken;
  }

  /** Wait until there are so many events, or no room for more, or the time is over. */
  private void await(int events, long timeoutMs)
      throws InterruptedException {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
    _awaited = events;
    try {
      while (_events.size() < events && !isFull()) {
        long leftNs = until - System.nanoTime();
        if (leftNs <= 0) {
          return;
        }
        TimeUnit.NANOSECONDS.timedWait(this, leftNs);
      }
    } finally {
      _awaited = 0;
    }
  }

  /** Wait until nothing more comes. */
  private void awaitPause(int most)
      throws InterruptedException {
    int before = 0;
    for (int pauses = 0; pauses < MOST_PAUSES && _events.size() > before; pauses++) {
      before = _events.size();
      await(most, _pauseMs);
    }
  }

  private boolean isFull() {
    return _events.size() >= MAX_EVENTS || _bytes >= MAX_BYTES;
  }

  private DataChangeEvent next() {
    Sized first = _events.poll();
    if (first == null) {
      return null;
    }
    _bytes -= first.bytes();
    return first.event();
  }

  /** How Debezium is given this queue. */
  ServiceProvider<QueueProviderService> provider() {
    ArrivalQueue queue = this;
    return new ServiceProvider<>() {
      @Override
      public QueueProviderService createService(Configuration configuration, ServiceRegistry serviceRegistry) {
        return new QueueProviderService(queue);
      }

      @Override
      public Class<QueueProviderService> getServiceClass() {
        return QueueProviderService.class;
      }
    };
  }
}
