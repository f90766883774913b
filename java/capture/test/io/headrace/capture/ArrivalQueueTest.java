package io.headrace.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.debezium.pipeline.DataChangeEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ArrivalQueueTest {
  private static final long LONG_MS = 60_000;

  private final ArrivalQueue _queue = new ArrivalQueue();

  private static DataChangeEvent event(long bytes) {
    return new DataChangeEvent(null) {
      @Override
      public long objectSize() {
        return bytes;
      }
    };
  }

  private Thread enqueuing(int count, long bytes, CountDownLatch done) {
    Thread thread = new Thread(() -> {
      try {
        for (int i = 0; i < count; i++) {
          _queue.enqueue(event(bytes));
        }
        done.countDown();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  @Test
  void theTakerIsWokenByTheFirstEvent() {
    enqueuing(1, 10, new CountDownLatch(1));
    List<DataChangeEvent> taken =
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> _queue.take(10, LONG_MS));
    assertEquals(1, taken.size());
  }

  @Test
  void eventsComeInOrderAndNoMoreThanAskedFor() throws InterruptedException {
    List<DataChangeEvent> sent = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      sent.add(event(i));
      _queue.enqueue(sent.get(i));
    }
    List<DataChangeEvent> taken = _queue.take(3, LONG_MS);
    assertEquals(sent.subList(0, 3), taken);
    assertSame(sent.get(3), _queue.poll());
    assertEquals(1, _queue.size());
  }

  @Test
  void nothingIsTakenWhenNothingComes() throws InterruptedException {
    assertTrue(_queue.take(10, 1).isEmpty());
  }

  @Test
  void aFullQueueBlocksUntilSomethingIsTaken() throws InterruptedException {
    CountDownLatch done = new CountDownLatch(1);
    enqueuing(ArrivalQueue.MAX_EVENTS + 1, 1, done);
    assertFalse(done.await(200, TimeUnit.MILLISECONDS));
    _queue.take(1, LONG_MS);
    assertTrue(done.await(20, TimeUnit.SECONDS));
    assertEquals(ArrivalQueue.MAX_EVENTS, _queue.size());
  }

  @Test
  void largeEventsFillItToo() throws InterruptedException {
    CountDownLatch done = new CountDownLatch(1);
    enqueuing(3, ArrivalQueue.MAX_BYTES / 2, done);
    assertFalse(done.await(200, TimeUnit.MILLISECONDS));
    assertEquals(2, _queue.take(2, LONG_MS).size());
    assertTrue(done.await(20, TimeUnit.SECONDS));
  }

  @Test
  void anEventLargerThanTheBoundStillPasses() throws InterruptedException {
    _queue.enqueue(event(ArrivalQueue.MAX_BYTES * 2));
    assertEquals(1, _queue.take(1, LONG_MS).size());
    _queue.enqueue(event(1));
    assertEquals(1, _queue.size());
  }
}
