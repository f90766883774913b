"""Clients that live longer than the broker they asked first."""

from __future__ import annotations

import signal
import time

import pytest

from headrace.errors import HeadraceError
from headrace.hops.capture.watch import ConnectWatcher
from headrace.hops.topic import tail
from headrace.hops.topic.client import Edge, KafkaClient, Offsets
from headrace.hops.topic.messages import read
from tests.integration.capture.bench import Bench, contract
from tests.integration.capture.engines import PROJECT, CaptureEngines

pytestmark = pytest.mark.engines


def test_offsets_are_told_again_after_a_kill(bench: Bench, capture_engines: CaptureEngines) -> None:
    """librdkafka would go on asking with the leaders' epochs of before, and be refused, for 15 minutes."""
    bench.run("DROP TABLE IF EXISTS kept", "CREATE TABLE kept (id bigint PRIMARY KEY)")
    bench.run("INSERT INTO kept SELECT generate_series(1, 100)")
    capture = bench.capture(contract("kept", partitions=3))
    bench.final_verdict(capture)
    topic = capture.names.topic(capture.contracts[0].table)
    before = bench.kafka.offsets([topic], Edge.WRITTEN)

    with KafkaClient(bench.endpoints.kafka_bootstrap) as asks_later:
        assert asks_later.offsets([topic], Edge.WRITTEN) == before
        capture_engines.kill("kafka")
        capture_engines.start("kafka")
        assert _offsets(bench.kafka, topic) == before
        assert _offsets(asks_later, topic) == before
    assert len(list(read(bench.kafka, topic))) == 100

    bench.run("INSERT INTO kept VALUES (101)")  # the connector goes on too, started again where it failed
    watcher = ConnectWatcher(bench.connect, PROJECT)
    deadline = time.monotonic() + 120
    while sum(_offsets(bench.kafka, topic)[topic].values()) == sum(before[topic].values()):
        assert time.monotonic() < deadline
        watcher.look()
        time.sleep(1)


def _offsets(client: KafkaClient, topic: str) -> Offsets:
    """As soon as the leaders are there, which is no longer than a moment after the broker is."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return client.offsets([topic], Edge.WRITTEN)
        except HeadraceError as error:
            assert error.code in ("kafka-starting", "kafka-unreachable"), error.cause
            assert time.monotonic() < deadline, error.cause
            time.sleep(0.1)


def test_a_broker_that_says_nothing_is_no_empty_topic(
    bench: Bench, capture_engines: CaptureEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run("DROP TABLE IF EXISTS heard", "CREATE TABLE heard (id bigint PRIMARY KEY)")
    bench.run("INSERT INTO heard SELECT generate_series(1, 100)")
    capture = bench.capture(contract("heard"))
    bench.final_verdict(capture)
    topic = capture.names.topic(capture.contracts[0].table)

    with tail.TopicTail(bench.kafka, topic) as reading:
        newest = reading.last()
        assert newest is not None
        edges = {edge: bench.kafka.offsets([topic], edge) for edge in Edge}
        capture_engines.signal("kafka", signal.SIGSTOP)
        try:
            with monkeypatch.context() as patched:  # it stops once it has said where the topic ends
                patched.setattr(bench.kafka, "offsets", lambda _, edge: edges[edge])
                patched.setattr(tail, "POLL_S", 1.0)
                with pytest.raises(HeadraceError) as silent:
                    reading.last()
        finally:
            capture_engines.signal("kafka", signal.SIGCONT)
        assert silent.value.code == "kafka-unreachable"
        assert reading.last() == newest
