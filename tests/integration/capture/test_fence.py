"""What was committed before a fence lies below the offsets the fence gives."""

from __future__ import annotations

import threading
import uuid

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from headrace.errors import HeadraceError
from headrace.hops.topic.fence import FenceWatcher, wait_for_fence
from headrace.hops.topic.messages import last, read
from headrace.hops.topic.probe import end_offsets, fence_offsets, log_edges, lost, start_offsets
from tests.integration.capture.bench import Bench, contract

pytestmark = pytest.mark.engines


def _emit(bench: Bench) -> str:
    token = str(uuid.uuid4())
    bench.source.execute("SELECT pg_logical_emit_message(true, 'headrace.fence', %s)", (token,))
    return token


def test_rows_before_a_fence_lie_below_its_offsets(bench: Bench) -> None:
    bench.run("DROP TABLE IF EXISTS fenced", "CREATE TABLE fenced (id bigint PRIMARY KEY)")
    capture = bench.capture(contract("fenced", partitions=3))
    bench.final_verdict(capture)
    topic, stop = capture.names.topic(capture.contracts[0].table), threading.Event()

    def others() -> None:  # other writers keep Kafka transactions open all the time
        with bench.session() as session:
            for i in range(1_000_000, 2_000_000):
                if stop.is_set():
                    return
                session.execute("INSERT INTO fenced VALUES (%s)", (i,))

    writer = threading.Thread(target=others)
    writer.start()
    try:
        with FenceWatcher(bench.kafka, capture.names.message_topic) as watcher:
            ends = []
            for i in range(50):
                bench.source.execute("INSERT INTO fenced VALUES (%s)", (i,))
                token = _emit(bench)
                assert watcher.wait(token).token == token
                ends.append(fence_offsets(bench.kafka, [topic])[topic])
    finally:
        stop.set()
        writer.join()
    places = {record.key: record for record in read(bench.kafka, topic)}
    for i, end in enumerate(ends):
        record = places[f'{{"id":{i}}}'.encode()]
        assert record.offset < end[record.partition]
    assert wait_for_fence(bench.kafka, capture.names.message_topic, token).token == token
    assert len(last(bench.kafka, topic, 5)) == 5


def test_fence_that_never_comes_is_said_so(bench: Bench) -> None:
    bench.run("DROP TABLE IF EXISTS fenced", "CREATE TABLE fenced (id bigint PRIMARY KEY)")
    capture = bench.capture(contract("fenced"))
    watcher = FenceWatcher(bench.kafka, capture.names.message_topic)
    with watcher, pytest.raises(HeadraceError) as late:
        watcher.wait("nobody emitted this", timeout_s=0.5)
    assert late.value.code == "fence-timeout"


def test_log_that_lost_its_end_or_its_beginning_is_found(bench: Bench) -> None:
    bench.run(
        "DROP TABLE IF EXISTS fenced",
        "CREATE TABLE fenced (id bigint PRIMARY KEY)",
        "INSERT INTO fenced SELECT generate_series(1, 100)",
    )
    capture = bench.capture(contract("fenced"))
    bench.final_verdict(capture)
    topic = capture.names.topic(capture.contracts[0].table)
    ends, starts = end_offsets(bench.kafka, [topic]), start_offsets(bench.kafka, [topic])
    assert lost(log_edges(bench.kafka, [topic]), ends, starts) == ()
    beyond = {topic: {0: ends[topic][0] + 1}}
    (loss,) = lost(log_edges(bench.kafka, [topic]), beyond, {})
    assert (loss.topic, loss.partition) == (topic, 0)
    admin = AdminClient({"bootstrap.servers": bench.endpoints.kafka_bootstrap})
    for done in admin.delete_records([TopicPartition(topic, 0, 50)]).values():
        done.result()
    (loss,) = lost(log_edges(bench.kafka, [topic]), ends, {topic: {0: 49}})
    assert "begins at 50" in loss.reason
    assert lost(log_edges(bench.kafka, [topic]), ends, {topic: {0: 50}}) == ()
    (loss,) = lost(log_edges(bench.kafka, ["gone"]), {"gone": {0: 3}}, {})
    assert loss.topic == "gone"
