"""Topic and connector keep the promise of a Resource on the real systems."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.errors import HeadraceError
from headrace.hops.capture.capability import capability
from headrace.hops.capture.probe import position, restart_failed, status
from headrace.hops.capture.render import STRUCT_CONVERTER_CLASS
from headrace.hops.capture.resource import Connector
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.resource import Topic, TopicSpec, capture_topics, table_topic
from headrace.plan.resource import Resource
from tests.integration.capture.bench import Bench, Capture, contract

pytestmark = pytest.mark.engines


def _connector(bench: Bench) -> Resource:
    bench.run("CREATE TABLE IF NOT EXISTS kept (id bigint PRIMARY KEY)")
    names, contracts = bench.names(), [contract("kept")]
    bench.prepare(names, contracts)
    connector = Connector(bench.connect, names.connector, bench.config(names, contracts))
    bench._captures.append(Capture(names, contracts, connector, 0))
    return connector


def _topic(bench: Bench) -> Resource:
    return Topic(bench.kafka, table_topic(bench.names(), contract("kept", partitions=3)))


def _offsets(bench: Bench) -> Resource:
    return Topic(bench.kafka, capture_topics(bench.names(), [])[-1])


@pytest.mark.parametrize("make", [_topic, _offsets, _connector])
def test_resource_keeps_its_promise(bench: Bench, make: Callable[[Bench], Resource]) -> None:
    resource = make(bench)
    assert resource.read() is None
    resource.apply()
    assert resource.read() == resource.desired
    resource.apply()
    assert resource.read() == resource.desired
    resource.delete()
    assert resource.read() is None
    resource.delete()
    resource.apply()
    assert resource.read() == resource.desired
    resource.delete()


def test_drifted_topic_settings_are_repaired(bench: Bench) -> None:
    spec = table_topic(bench.names(), contract("kept"))
    topic = Topic(bench.kafka, spec)
    topic.apply()
    bench.kafka.alter_topic_config(spec.name, {"retention.ms": "1000", "cleanup.policy": "compact"})
    assert topic.read() != topic.desired
    topic.apply()
    assert topic.read() == topic.desired
    topic.delete()


def test_other_number_of_partitions_is_refused_and_left_alone(bench: Bench) -> None:
    name = f"{bench.names().topic_prefix}.public.kept"
    Topic(bench.kafka, TopicSpec(name, 2)).apply()
    with pytest.raises(HeadraceError) as refused:
        Topic(bench.kafka, TopicSpec(name, 1)).apply()
    assert refused.value.code == "topic-partitions-differ"
    assert bench.kafka.partitions(name) == 2
    Topic(bench.kafka, TopicSpec(name, 2)).delete()


def test_drifted_connector_is_repaired(bench: Bench) -> None:
    bench.run("CREATE TABLE IF NOT EXISTS kept (id bigint PRIMARY KEY)")
    capture = bench.capture(contract("kept"))
    bench.final_verdict(capture)
    connector, name = capture.connector, capture.names.connector
    config = {key: value for key, value in connector.desired.items() if key != "state"}
    bench.connect.put_config(name, {**config, "poll.interval.ms": "50", "max.batch.size": "100"})  # type: ignore[dict-item]
    found = connector.read()
    assert found is not None
    assert {key for key, value in found.items() if connector.desired.get(key) != value} == {
        "poll.interval.ms",
        "max.batch.size",
    }
    connector.apply()
    assert connector.read() == connector.desired
    bench.connect.stop(name)
    assert connector.read() == {**connector.desired, "state": "STOPPED"}
    connector.apply()
    assert connector.read() == connector.desired


def test_every_property_is_known_to_the_running_worker(bench: Bench) -> None:
    known = bench.connect.properties("PostgresConnector")
    ours = set(bench.config(bench.names(), [contract("kept", excluded=("a",), declared_key=True)]))
    # Of the converters, of the producer and of the topic naming strategy: not in the connector's own list.
    elsewhere = {name for name in ours if name.startswith(("key.", "value.", "producer.override."))}
    assert ours - elsewhere - known == {"driver.options", "topic.heartbeat.name"}


def test_capability_and_status_of_the_installed_engines(bench: Bench) -> None:
    found = capability(bench.connect)
    assert found.debezium.startswith("3.7.")
    assert found.row_guard
    assert found.exact
    assert found.converter_class == STRUCT_CONVERTER_CLASS
    bench.run("CREATE TABLE IF NOT EXISTS kept (id bigint PRIMARY KEY)")
    capture = bench.capture(contract("kept"))
    bench.final_verdict(capture)
    name = capture.names.connector
    health = status(bench.connect, name)
    assert health is not None
    assert health.is_healthy
    assert not restart_failed(bench.connect, name)
    at = position(bench.connect, name)
    assert at.lsn is not None
    assert at.lsn >= capture.point
    assert not at.in_snapshot
    assert status(bench.connect, "headrace-nobody-1") is None


def test_unreachable_kafka_is_one_clear_error() -> None:
    with pytest.raises(HeadraceError) as unreachable, KafkaClient("127.0.0.1:1", timeout_s=1) as client:
        client.topics()
    assert unreachable.value.code == "kafka-unreachable"
