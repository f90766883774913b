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
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.Test;

class ArrivalQueueTest {
  private static final long LONG_MS = 60_000;

  private final ArrivalQueue _queue = new ArrivalQueue();

  private static DataChangeEvent event(long bytes) {
    byte[] value = new byte[(int) bytes];
    return new DataChangeEvent(new SourceRecord(Map.of(), Map.of(), "topic", Schema.BYTES_SCHEMA, value));
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
    enqueuing(3, ArrivalQueue.MAX_BYTES / 2 + 1, done);
    assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
      while (_queue.size() < 2) {
        Thread.sleep(1);
      }
    });
    assertFalse(done.await(200, TimeUnit.MILLISECONDS));
    assertEquals(2, _queue.take(2, LONG_MS).size());
    assertTrue(done.await(20, TimeUnit.SECONDS));
  }

  @Test
  void whatARowHoldsIsWeighed() {
    Schema row = SchemaBuilder.struct().optional().field("note", Schema.OPTIONAL_STRING_SCHEMA)
        .field("scan", Schema.OPTIONAL_BYTES_SCHEMA).field("tags", SchemaBuilder.array(Schema.STRING_SCHEMA).optional().build())
        .build();
    Schema envelope = SchemaBuilder.struct().field("before", row).field("after", row).build();
    Struct small = new Struct(row).put("note", "x");
    List<Struct> large = List.of(new Struct(row).put("note", "y".repeat(1 << 20)),
        new Struct(row).put("scan", new byte[1 << 20]), new Struct(row).put("tags", List.of("z".repeat(1 << 20))));
    for (Struct image : large) {
      for (Struct value : List.of(new Struct(envelope).put("before", image).put("after", small),
          new Struct(envelope).put("after", image))) {
        long bytes = Footprint.of(new SourceRecord(Map.of(), Map.of(), "topic", envelope, value));
        assertTrue(bytes > 1 << 20 && bytes < 3 << 20, "" + bytes);
      }
    }
    Struct plain = new Struct(envelope).put("after", small);
    assertTrue(Footprint.of(new SourceRecord(Map.of(), Map.of(), "topic", envelope, plain)) < 1 << 13);
  }

  @Test
  void anEventLargerThanTheBoundStillPasses() throws InterruptedException {
    _queue.enqueue(event(ArrivalQueue.MAX_BYTES + 1));
    assertEquals(1, _queue.take(1, LONG_MS).size());
    _queue.enqueue(event(1));
    assertEquals(1, _queue.size());
  }

  @Test
  void aSingleEventNeverWaitsForOthers() throws InterruptedException {
    ArrivalQueue queue = new ArrivalQueue(LONG_MS, LONG_MS);
    for (int i = 0; i < 3; i++) {
      queue.enqueue(event(1));
      assertEquals(1, assertTimeoutPreemptively(Duration.ofSeconds(20), () -> queue.take(2048, LONG_MS)).size());
    }
  }

  @Test
  void rowsThatFollowEachOtherStayTogether() throws InterruptedException {
    // Nothing but the third row ends this wait.
    ArrivalQueue queue = new ArrivalQueue(ArrivalQueue.GATHER_MS, LONG_MS);
    queue.enqueue(event(1));
    queue.enqueue(event(1));
    assertEquals(2, queue.take(10, LONG_MS).size());
    Thread rows = new Thread(() -> {
      try {
        for (int i = 0; i < 3; i++) {
          queue.enqueue(event(i));
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
    rows.start();
    assertEquals(3, queue.take(3, LONG_MS).size());
    rows.join();
  }

  @Test
  void rowsThatNeverPauseAreTakenAllTheSame() throws InterruptedException {
    _queue.enqueue(event(1));
    _queue.enqueue(event(1));
    _queue.take(10, LONG_MS);
    Thread rows = enqueuing(Integer.MAX_VALUE, 1, new CountDownLatch(1));
    assertTimeoutPreemptively(Duration.ofSeconds(20), () -> _queue.take(Integer.MAX_VALUE, LONG_MS));
    rows.interrupt();
  }

  private static ArrivalQueue flooded(long gatherMs) throws InterruptedException {
    ArrivalQueue queue = new ArrivalQueue(gatherMs, ArrivalQueue.PAUSE_MS);
    for (int i = 0; i < ArrivalQueue.FLOOD_EVENTS; i++) {
      queue.enqueue(event(1));
    }
    assertEquals(ArrivalQueue.FLOOD_EVENTS, queue.take(ArrivalQueue.FLOOD_EVENTS, LONG_MS).size());
    queue.enqueue(event(1));
    return queue;
  }

  @Test
  void inAFloodAFullBatchIsGathered() throws InterruptedException {
    ArrivalQueue queue = flooded(LONG_MS);
    Thread rest = new Thread(() -> {
      try {
        queue.enqueue(event(1));
        queue.enqueue(event(1));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
    rest.start();
    assertEquals(3, queue.take(3, LONG_MS).size());
    rest.join();
  }

  @Test
  void gatheringEndsWhenNoMoreComes() throws InterruptedException {
    ArrivalQueue queue = flooded(ArrivalQueue.GATHER_MS);
    assertEquals(1, assertTimeoutPreemptively(Duration.ofSeconds(20), () -> queue.take(2, LONG_MS)).size());
  }
}
