"""A snapshot counts only when its first and only attempt came through."""

from __future__ import annotations

import json
import time

import pytest
from confluent_kafka import Producer

from headrace.errors import HeadraceError
from headrace.hops.capture.snapshot import Progress, verdict
from headrace.hops.topic.messages import read
from headrace.hops.topic.resource import Topic, TopicSpec
from tests.integration.capture.bench import Bench, contract, remove
from tests.integration.capture.engines import CaptureEngines

pytestmark = [pytest.mark.engines, pytest.mark.long]


def test_clean_snapshot_is_complete_and_in_kafka_when_it_says_so(bench: Bench) -> None:
    bench.run(
        "DROP TABLE IF EXISTS clean, bare",
        "CREATE TABLE clean (id bigint PRIMARY KEY, v text)",
        "CREATE TABLE bare (id bigint PRIMARY KEY)",
        "INSERT INTO clean SELECT i, 'v' || i FROM generate_series(1, 5000) i",
    )
    capture = bench.capture(contract("clean"), contract("bare"))
    found = bench.final_verdict(capture)
    assert found.progress is Progress.COMPLETE, found
    assert {str(table): rows for table, rows in found.rows.items()} == {
        "public.clean": 5000,
        "public.bare": 0,
    }
    keys = [record.key for record in read(bench.kafka, capture.names.topic(capture.contracts[0].table))]
    assert keys == [f'{{"id":{i}}}'.encode() for i in range(1, 5001)]


def test_tables_without_a_row_are_proven_too(bench: Bench) -> None:
    bench.run("DROP TABLE IF EXISTS bare", "CREATE TABLE bare (id bigint PRIMARY KEY)")
    assert bench.final_verdict(bench.capture(contract("bare"))).progress is Progress.COMPLETE


def test_tables_and_columns_of_odd_names_are_carried_and_nothing_else(bench: Bench) -> None:
    bench.run(
        'DROP TABLE IF EXISTS "Odd Name, x", "odd name, x", nokey, parted',
        'CREATE TABLE "Odd Name, x" (id bigint PRIMARY KEY, "se,cret:x" text, b text)',
        'CREATE TABLE "odd name, x" (id bigint PRIMARY KEY)',
        "CREATE TABLE nokey (b int NOT NULL, a int NOT NULL)",
        "CREATE TABLE parted (id bigint PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (100)",
        """INSERT INTO "Odd Name, x" VALUES (1, 'hidden', 'b')""",
        'INSERT INTO "odd name, x" VALUES (7)',
        "INSERT INTO nokey VALUES (1, 2)",
        "INSERT INTO parted VALUES (5)",
    )
    odd = contract("public.Odd Name, x", excluded=("se,cret:x",))
    nokey = contract("nokey", ("a", "b"), declared_key=True)
    parted = contract("parted", partitioned=True)
    capture = bench.capture(odd, nokey, parted)
    found = bench.final_verdict(capture)
    assert found.progress is Progress.COMPLETE, found
    rows = {
        str(each.table): [
            (r.key, r.document["after"]) for r in read(bench.kafka, capture.names.topic(each.table))
        ]
        for each in capture.contracts
    }
    assert rows == {
        "public.Odd Name, x": [(b'{"id":1}', {"id": 1, "b": "b"})],
        "public.nokey": [(b'{"a":2,"b":1}', {"b": 1, "a": 2})],
        "public.parted": [(b'{"id":5}', {"id": 5})],
    }


def test_snapshot_that_nobody_watched_is_never_proven(bench: Bench) -> None:
    bench.run("DROP TABLE IF EXISTS bare", "CREATE TABLE bare (id bigint PRIMARY KEY)")
    capture = bench.capture(contract("bare"))
    bench.final_verdict(capture)
    for point in (None, capture.point + 8):
        found = verdict(bench.kafka, capture.names, capture.contracts, point)
        assert found.progress is Progress.BROKEN, point


def test_second_life_over_a_live_slot_is_broken_even_with_clean_notifications(bench: Bench) -> None:
    bench.run(
        "DROP TABLE IF EXISTS bare",
        "CREATE TABLE bare (id bigint PRIMARY KEY)",
        "INSERT INTO bare VALUES (1)",
    )
    capture = bench.capture(contract("bare"))
    bench.final_verdict(capture)
    point = capture.point
    # Everything of the capture goes but its slot: the next life makes no slot and says STARTED once.
    capture.connector.delete()
    gone = [f"{capture.names.topic_prefix}.{suffix}" for suffix in ("notification", "offsets")]
    for topic in (*gone, capture.names.topic(capture.contracts[0].table)):
        Topic(bench.kafka, TopicSpec(topic)).delete()  # waits until nobody lists it any more
    bench.run("INSERT INTO bare VALUES (2)", f"DROP PUBLICATION {capture.names.publication}")
    bench.prepare(capture.names, capture.contracts)
    capture.connector.apply()
    found = bench.final_verdict(capture)
    assert capture.point == point
    assert found.progress is Progress.BROKEN
    assert "not the first attempt" in found.reason


def test_value_that_cannot_be_converted_breaks_it_with_the_reason(bench: Bench) -> None:
    bench.run(
        "DROP TABLE IF EXISTS wild",
        "CREATE TABLE wild (id bigint PRIMARY KEY, a numeric[])",
        "INSERT INTO wild VALUES (1, '{NaN}')",
    )
    found = bench.final_verdict(bench.capture(contract("wild")))
    assert found.progress is Progress.BROKEN
    assert found.failure is not None
    assert found.failure.code == "capture-value-unconvertible", found
    assert found.failure.cause.endswith("public.wild.a")
    assert not found.failure.restart


def test_what_was_aborted_is_never_proven_whatever_is_said_later(
    bench: Bench, capture_engines: CaptureEngines
) -> None:
    bench.run("DROP TABLE IF EXISTS bare", "CREATE TABLE bare (id bigint PRIMARY KEY)")
    capture = bench.capture(contract("bare"))
    assert bench.final_verdict(capture).progress is Progress.COMPLETE
    capture.connector.delete()
    topic = capture.names.notification_topic
    bench.kafka.delete_topic(topic)
    bench.make_topics(capture.names, capture.contracts)
    producer = Producer({"bootstrap.servers": capture_engines.endpoints.kafka_bootstrap})
    for kind in ("STARTED", "ABORTED", "COMPLETED"):
        producer.produce(topic, json.dumps({"aggregate_type": "Initial Snapshot", "type": kind}))
    assert producer.flush(30) == 0
    found = bench.verdict(capture)
    assert (found.progress, found.reason) == (Progress.BROKEN, "the snapshot was aborted")


@pytest.mark.slow
def test_kill_in_the_middle_breaks_it(bench: Bench, capture_engines: CaptureEngines) -> None:
    bench.run(
        "DROP TABLE IF EXISTS half",
        "CREATE TABLE half (id bigint PRIMARY KEY, a text, b int, c numeric)",
        "INSERT INTO half SELECT i, md5(i::text), i, i * 1.5 FROM generate_series(1, 500000) i",
    )
    capture = bench.capture(contract("half"))
    deadline = time.monotonic() + 120
    while sum(bench.verdict(capture).rows.values()) < 20_000:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    capture_engines.kill("connect")
    waiting = verdict(bench.kafka, capture.names, capture.contracts, capture.point)
    assert waiting.progress is Progress.RUNNING
    assert sum(waiting.rows.values()) < 500_000
    with pytest.raises(HeadraceError) as dead:
        bench.verdict(capture)
    assert dead.value.code == "connect-unreachable"
    capture_engines.start("connect")
    found = bench.final_verdict(capture)
    assert found.progress is Progress.BROKEN
    assert "second time" in found.reason or "not the first attempt" in found.reason
    remove(bench, capture)  # what is broken is thrown away; the next number succeeds
    again = bench.capture(contract("half"))
    assert bench.final_verdict(again).progress is Progress.COMPLETE
