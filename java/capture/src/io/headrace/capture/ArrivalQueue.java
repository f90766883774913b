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

/**
 * The buffer between the thread that reads the log and the task's own: whoever takes is woken by the first event.
 *
 * <p>Debezium's queue hands out nothing before its poll interval is over, however soon an event came, and burns a good
 * part of a processor at the end of each short one. Here the wait ends at the first event, and what else has arrived by
 * then goes with it, so that batches grow by themselves while Kafka is busy with the last one.
 *
 * <p>Bounded by number and by size: {@link #enqueue} blocks while it is full, never in the taker's way. Thread-safe.
 */
final class ArrivalQueue implements QueueProvider<DataChangeEvent> {
  static final int MAX_EVENTS = 8192;
  static final long MAX_BYTES = 64L * 1024 * 1024;

  private final ArrayDeque<Sized> _events = new ArrayDeque<>();
  private long _bytes;

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
  public synchronized void enqueue(DataChangeEvent event)
      throws InterruptedException {
    while (_events.size() >= MAX_EVENTS || _bytes >= MAX_BYTES) {
      wait();
    }
    Sized sized = new Sized(event, event.objectSize());
    _events.add(sized);
    _bytes += sized.bytes();
    notifyAll();
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
    if (_events.isEmpty()) {
      wait(timeoutMs);
    }
    List<DataChangeEvent> taken = new ArrayList<>(Math.min(most, _events.size()));
    while (taken.size() < most && !_events.isEmpty()) {
      taken.add(next());
    }
    notifyAll();
    return taken;
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
