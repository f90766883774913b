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

  private final ArrayDeque<DataChangeEvent> _events = new ArrayDeque<>();
  private final ArrayDeque<Long> _sizes = new ArrayDeque<>();
  private long _bytes;

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
    long bytes = event.objectSize();
    _events.add(event);
    _sizes.add(bytes);
    _bytes += bytes;
    notifyAll();
  }

  @Override
  public synchronized DataChangeEvent poll() {
    DataChangeEvent event = _events.poll();
    if (event != null) {
      _bytes -= _sizes.remove();
      notifyAll();
    }
    return event;
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
      taken.add(poll());
    }
    return taken;
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
