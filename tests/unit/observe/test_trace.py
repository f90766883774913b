"""Where a row is, by what the hops know of it, and how `headrace trace` says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.cli.trace import as_document, render
from headrace.contract import Kind
from headrace.names import TableName
from headrace.observe.trace import (
    CaptureLook,
    Change,
    Place,
    ResultLook,
    RowValues,
    ServeLook,
    SourceLook,
    TopicLook,
    Trace,
    ViewLook,
)
from headrace.observe.whereabouts import Arrival, arrival, size, verdict

XID_SPACE = 1 << 32

SOURCE = SourceLook(xmin=700, lsn=5_000, time_ms=1_700_000_000_500)
CAPTURE = CaptureLook("headrace-shop-1", "headrace_shop_1", "RUNNING", "RUNNING", 4_000, 3_000, 1_000)
CHANGE = Change(0, 40, Kind.ROW, "u", 4_900, 700, 1_700_000_000_000, 1_700_000_000_003)
OLDER = Change(0, 30, Kind.ROW, "c", 2_000, 650, 1_690_000_000_000, 1_690_000_000_004)
DELETED = replace(CHANGE, kind=Kind.DELETE, op="d")
TOPIC = TopicLook("shop.1.public.orders", CHANGE, {0: 42})
SERVE = ServeLook("shop_orders_1", {0: 42}, CHANGE, 2, 40, "shop_orders_1__0__0__20260101T0000Z", 7, "host")
VIEW = ViewLook("revenue", 1, 41, 0, (ResultLook('g["NO"]', Kind.ROW, True),))
FOUND = Trace(TableName("public", "orders"), ("id",), ("42",), SOURCE, CAPTURE, TOPIC, SERVE, (VIEW,))
GONE = replace(SOURCE, xmin=None)


@pytest.mark.parametrize(
    ("source", "capture", "newest", "expected"),
    [
        (SOURCE, CAPTURE, CHANGE, Arrival.YES),
        (replace(SOURCE, xmin=700), CAPTURE, replace(CHANGE, txid=700 + XID_SPACE), Arrival.YES),
        (SOURCE, CAPTURE, OLDER, Arrival.NO),
        (SOURCE, CAPTURE, None, Arrival.NO),
        (SOURCE, replace(CAPTURE, fenced=True), None, Arrival.LOST),
        (SOURCE, replace(CAPTURE, confirmed_lsn=5_000), None, Arrival.LOST),
        (SOURCE, replace(CAPTURE, confirmed_lsn=4_999), None, Arrival.NO),
        # A savepoint: another number, and a position that tells.
        (SOURCE, replace(CAPTURE, fenced=True), replace(CHANGE, txid=699), Arrival.YES),
        (
            replace(SOURCE, commit_time_ms=CHANGE.commit_time_ms),
            CAPTURE,
            replace(CHANGE, txid=699),
            Arrival.YES,
        ),
        # Changed after the look.
        (SOURCE, CAPTURE, replace(CHANGE, txid=701, lsn=5_001), Arrival.LATER),
        (SOURCE, CAPTURE, replace(DELETED, lsn=5_001), Arrival.LATER),
        (GONE, CAPTURE, replace(CHANGE, lsn=5_001), Arrival.LATER),
        # A snapshot holds what was committed before its own transaction.
        (SOURCE, CAPTURE, replace(OLDER, op="r", txid=710), Arrival.YES),
        (SOURCE, CAPTURE, replace(OLDER, op="r", txid=690), Arrival.NO),
        (SOURCE, replace(CAPTURE, in_snapshot=True), replace(OLDER, op="r", txid=710), Arrival.NO),
        (replace(SOURCE, xmin=XID_SPACE - 5), CAPTURE, replace(OLDER, op="r", txid=10), Arrival.YES),
        (SOURCE, CAPTURE, DELETED, Arrival.NO),
        (SOURCE, replace(CAPTURE, fenced=True), DELETED, Arrival.LOST),
        (GONE, CAPTURE, DELETED, Arrival.YES),
        (GONE, CAPTURE, replace(CHANGE, kind=Kind.TRUNCATE), Arrival.YES),
        (GONE, CAPTURE, CHANGE, Arrival.NO),
        (GONE, replace(CAPTURE, fenced=True), CHANGE, Arrival.LOST),
        (GONE, CAPTURE, None, Arrival.YES),
    ],
)
def test_whether_the_sources_state_is_in_kafka(
    source: SourceLook, capture: CaptureLook, newest: Change | None, expected: Arrival
) -> None:
    assert arrival(source, capture, newest) is expected


EMPTY = replace(FOUND, topic=replace(TOPIC, newest=None), serve=replace(SERVE, newest=None, answering=None))
OLD = replace(FOUND, topic=replace(TOPIC, newest=OLDER), serve=replace(SERVE, newest=OLDER, answering=30))
REJECTED = replace(CHANGE, kind=Kind.REJECT)


@pytest.mark.parametrize(
    ("found", "place", "sentence"),
    [
        (FOUND, Place.EVERYWHERE, "the row's last change is everywhere"),
        (replace(EMPTY, source=GONE), Place.NOWHERE, "no hop knows this key"),
        (OLD, Place.SOURCE, "the row is committed, not yet in Kafka: the connector is behind by 1.0 kB"),
        (replace(FOUND, source=GONE), Place.SOURCE, "its deletion is committed, not yet in Kafka"),
        (
            replace(OLD, capture=replace(CAPTURE, task_state="FAILED")),
            Place.SOURCE,
            "the connector is RUNNING, its task FAILED",
        ),
        (
            replace(OLD, capture=replace(CAPTURE, connector_state=None)),
            Place.SOURCE,
            "no connector headrace-shop-1",
        ),
        (replace(EMPTY, capture=replace(CAPTURE, fenced=True)), Place.APART, "never came to Kafka"),
        (
            replace(OLD, topic=replace(OLD.topic, bounded=True)),
            Place.UNKNOWN,
            "more records wait before Pinot",
        ),
        (
            replace(FOUND, serve=replace(SERVE, newest=OLDER, answering=30, reached={0: 38})),
            Place.TOPIC,
            "in Kafka at offset 40, Pinot is at 38",
        ),
        (
            replace(FOUND, serve=replace(SERVE, newest=None, answering=None, reached={})),
            Place.TOPIC,
            "Pinot does not say where it is",
        ),
        (replace(FOUND, serve=replace(SERVE, answering=30)), Place.APART, "answers with another one"),
        (replace(FOUND, serve=replace(SERVE, answering=41)), Place.EVERYWHERE, "everywhere"),
        (replace(FOUND, serve=ServeLook(problem="Pinot is away")), Place.UNKNOWN, "Pinot could not be asked"),
        (replace(FOUND, source=SourceLook(problem="away")), Place.UNKNOWN, "PostgreSQL could not be asked"),
        (replace(OLD, topic=TopicLook("t", problem="away")), Place.UNKNOWN, "Kafka could not be asked"),
        (replace(FOUND, topic=TopicLook("t", problem="away")), Place.EVERYWHERE, "everywhere"),
        (
            replace(FOUND, views=(replace(VIEW, computed_below=40),)),
            Place.VIEWS,
            "the view revenue is computed to offset 40",
        ),
        (
            replace(FOUND, views=(replace(VIEW, behind_records=3),)),
            Place.VIEWS,
            "Pinot has 3 of its records to read",
        ),
        (
            replace(FOUND, views=(replace(VIEW, problem="it failed"),)),
            Place.VIEWS,
            "could not be asked (it failed)",
        ),
        (
            replace(
                FOUND,
                topic=replace(TOPIC, newest=REJECTED),
                serve=replace(SERVE, newest=REJECTED, answering=None, reason="price: NaN"),
            ),
            Place.EVERYWHERE,
            "set aside because it cannot be carried: price: NaN",
        ),
        (
            replace(
                FOUND,
                source=GONE,
                topic=replace(TOPIC, newest=DELETED),
                serve=replace(SERVE, newest=DELETED, answering=None),
            ),
            Place.EVERYWHERE,
            "the row is deleted everywhere",
        ),
        (replace(FOUND, source=replace(SOURCE, xmin=1, lsn=4_000)), Place.CHANGING, "look again"),
    ],
)
def test_the_verdict(found: Trace, place: Place, sentence: str) -> None:
    seen = verdict(found)
    assert seen.place is place
    assert sentence in seen.sentence


def test_the_table_for_people_fits_and_says_the_positions() -> None:
    text = render(
        replace(FOUND, values=RowValues(("id", "note"), {"id": "42", "note": None}, None, {"id": 42}))
    )
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "public.orders (42): the row's last change is everywhere"
    assert [line.split()[0] for line in lines if line[:1].isalpha()][1:6] == [
        "HOP",
        "source",
        "capture",
        "topic",
        "serve",
    ]
    for said in (
        "row, by transaction 700",
        "WAL 0/1388",
        "confirmed 0/FA0",
        "1.0 kB behind",
        "in Kafka after 3 ms",
        "partition 0 offset 40",
        "row, answers",
        "offset 40 document 7",
        "2 versions stored",
        "computed to offset 41",
        "1 result changed by it",
        "track_commit_timestamp is off",
        'revenue: row g["NO"], as it is now',
        "note    NULL",
    ):
        assert said in text


def test_what_could_not_be_asked_is_said_below() -> None:
    away = replace(FOUND, serve=ServeLook(problem="Pinot is away"), source=SourceLook(problem="no answer"))
    text = render(away)
    assert "! serve: Pinot is away" in text
    assert "! source: no answer" in text
    assert text.count("could not be asked") >= 2


def test_the_document_has_no_values_unless_asked() -> None:
    document = as_document(FOUND)
    assert "values" not in document
    assert (document["place"], document["key"]) == ("everywhere", {"id": "42"})
    assert document["topic"] == {
        "topic": "shop.1.public.orders",
        "newest": {
            "partition": 0,
            "offset": 40,
            "kind": "row",
            "op": "u",
            "lsn": "0/1324",
            "txid": 700,
            "commit_time_ms": 1_700_000_000_000,
            "kafka_time_ms": 1_700_000_000_003,
            "commit_to_kafka_ms": 3,
        },
        "ends": {"0": 42},
        "bounded": False,
        "problem": None,
    }


def test_a_snapshot_has_no_commit_to_measure_from() -> None:
    assert replace(CHANGE, op="r").commit_to_kafka_ms is None
    assert replace(CHANGE, kafka_time_ms=None).commit_to_kafka_ms is None


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB"), (7 * 10**9, "7.0 GB")],
)
def test_sizes(size_bytes: int, said: str) -> None:
    assert size(size_bytes) == said
