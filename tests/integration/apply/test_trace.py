"""One row at every hop of a running project."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer

from headrace.apply.project import open_project
from headrace.contract import Column, Conversion, Kind, Origin, TableContract
from headrace.errors import HeadraceError
from headrace.hops.capture.client import ConnectClient
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Placement, Status
from headrace.hops.serve.resource import ServedTable, wait_until_consuming
from headrace.hops.topic.client import KafkaClient
from headrace.names import CaptureNames, TableName, ViewNames
from headrace.observe.trace import Place, Trace
from headrace.observe.whereabouts import verdict
from headrace.spec.load import load
from tests.integration.apply.project import RunningProject

pytestmark = pytest.mark.engines

ITEMS = TableName("public", "items")
PAIRS = TableName("public", "pairs")
WAIT_S = 60.0


@pytest.fixture(scope="module")
def applied(engines_folder: Path) -> Iterator[RunningProject]:
    """A project that is served; each test has keys of its own."""
    running = RunningProject(engines_folder, load(engines_folder / "headrace.yaml").project)
    drop = "DROP TABLE IF EXISTS items, pairs"
    running.declare("items").destroy()
    running.execute(
        drop,
        "CREATE TABLE items (id bigint PRIMARY KEY, note text, secret text, hidden text)",
        "CREATE TABLE pairs (a text, d date, n numeric(10,2), b boolean, PRIMARY KEY (a, d, n, b))",
        "INSERT INTO items SELECT g, 'item ' || g, 'secret', 'hidden' FROM generate_series(1, 50) g",
    )
    running.declare("items: {mask: {secret: redact}, exclude: [hidden]}", "pairs").apply()
    yield running
    running.declare("items").destroy()
    running.execute(drop)


def traced(project: RunningProject, *key: object, table: TableName = ITEMS, values: bool = False) -> Trace:
    """With all that is committed by now everywhere."""
    found = open_project(project.directory).trace(
        table, [str(one) for one in key], wait_s=WAIT_S, values=values
    )
    assert verdict(found).place in (Place.EVERYWHERE, Place.NOWHERE), verdict(found)
    return found


def test_a_row_is_followed_through_its_life(applied: RunningProject) -> None:
    first = traced(applied, 1)
    assert first.newest is not None
    assert (first.newest.op, first.newest.kind, first.serve.versions) == ("r", Kind.ROW, 1)
    assert first.newest.commit_to_kafka_ms is None
    assert first.capture.runs
    assert not first.source.keeps_commit_times

    applied.execute("INSERT INTO items VALUES (1001, 'new')")
    inserted = traced(applied, 1001)
    assert inserted.newest is not None
    assert inserted.newest.op == "c"
    assert inserted.newest.txid == inserted.source.xmin
    assert inserted.source.lsn is not None
    assert inserted.newest.lsn < inserted.source.lsn
    assert inserted.serve.answering == inserted.newest.offset < inserted.topic.ends[0]
    assert inserted.capture.fenced
    assert inserted.newest.commit_to_kafka_ms is not None
    assert abs(inserted.newest.commit_to_kafka_ms) < 60_000
    assert inserted.serve.segment is not None

    applied.execute("UPDATE items SET note = 'other' WHERE id = 1001")
    updated = traced(applied, 1001)
    assert updated.newest is not None
    assert (updated.newest.op, updated.serve.versions) == ("u", 2)
    assert updated.newest.offset > inserted.newest.offset

    applied.execute("DELETE FROM items WHERE id = 1001")
    deleted = traced(applied, 1001)
    assert not deleted.source.present
    assert deleted.newest is not None
    assert deleted.newest.kind == Kind.DELETE
    assert (deleted.serve.answering, deleted.serve.versions) == (None, 3)
    assert verdict(deleted).sentence == "the row is deleted everywhere"

    applied.execute("INSERT INTO items VALUES (1001, 'again')")
    again = traced(applied, 1001)
    assert again.newest is not None
    assert (again.newest.op, again.serve.versions) == ("c", 4)
    assert again.serve.answering == again.newest.offset


def test_a_key_that_never_was_is_nowhere(applied: RunningProject) -> None:
    found = traced(applied, 424242)
    assert verdict(found).place is Place.NOWHERE
    assert (found.source.present, found.topic.newest, found.serve.newest) == (False, None, None)


def test_a_row_written_within_a_savepoint_is_told_from_a_gap(applied: RunningProject) -> None:
    """Such a row has a transaction number that no record has."""
    with applied.connect() as connection, connection.transaction():
        connection.execute("INSERT INTO items VALUES (1002, 'outer')")
        with connection.transaction():
            connection.execute("INSERT INTO items VALUES (1003, 'inner')")
    found = traced(applied, 1003)
    assert found.newest is not None
    assert found.newest.txid != found.source.xmin
    assert verdict(found).place is Place.EVERYWHERE


def test_keys_of_several_columns(applied: RunningProject) -> None:
    applied.execute(
        "INSERT INTO pairs VALUES ('x,y', '2026-01-31', 1.5, true), ('it''s', '1999-12-31', -0.25, false)",
    )
    found = traced(applied, "x,y", "2026-01-31", "1.500", "t", table=PAIRS)
    assert found.key == ("x,y", "2026-01-31", "1.50", "true")
    assert verdict(found).place is Place.EVERYWHERE
    assert found.newest is not None
    other = traced(applied, "it's", "31 Dec 1999", "-.25", "no", table=PAIRS, values=True)
    assert other.newest is not None
    assert other.newest.offset > found.newest.offset
    assert other.values is not None
    assert other.values.serve is not None
    assert other.values.serve["a"] == "it's"
    assert verdict(traced(applied, "x", "2026-01-31", "1.5", "t", table=PAIRS)).place is Place.NOWHERE


def test_what_is_masked_or_left_out_is_shown_nowhere(applied: RunningProject) -> None:
    found = traced(applied, 2, values=True)
    assert found.values is not None
    assert found.values.columns == ("id", "note")
    held = (found.values.source, found.values.topic, found.values.serve)
    assert all(one is not None and one["note"] == "item 2" and set(one) == {"id", "note"} for one in held)


def test_a_row_waits_where_a_hop_stands_still(applied: RunningProject) -> None:
    """The connector stopped, then Pinot's reading paused."""
    opened = open_project(applied.directory)
    (number,) = applied.generations("public.items")
    ends = opened.endpoints
    with ConnectClient(ends.connect_url) as connect:
        names = CaptureNames(applied.name, number)
        connect.stop(names.connector)
        try:
            # Its task may go on reading for a moment after it was told to stop.
            slots = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{names.slot}'"
            state, active = "RUNNING", True
            while state != "STOPPED" or active:
                time.sleep(0.1)
                state = opened.trace(ITEMS, ["1"]).capture.connector_state
                ((active,),) = applied.source(slots)
            applied.execute("INSERT INTO items VALUES (1010, 'waits')")
            found = opened.trace(ITEMS, ["1010"])
            assert verdict(found).place is Place.SOURCE
            assert verdict(found).sentence == (
                "the row is committed, not yet in Kafka: the connector is STOPPED"
            )
            code, answer = applied.run("trace", "items", "1010", "--json")
            assert (code, json.loads(answer)["place"]) == (0, "source")
        finally:
            connect.resume(names.connector)
    assert verdict(traced(applied, 1010)).place is Place.EVERYWHERE

    pause = f"{ends.pinot_controller_url}/tables/{applied.name}_items_{number}_REALTIME"
    httpx.post(f"{pause}/pauseConsumption", timeout=30).raise_for_status()
    try:
        deadline = time.monotonic() + WAIT_S
        place = Place.EVERYWHERE
        key = 1100
        while place is not Place.TOPIC and time.monotonic() < deadline:
            key += 1
            applied.execute(f"INSERT INTO items VALUES ({key}, 'waits')")
            found = opened.trace(ITEMS, [str(key)])
            place = verdict(found).place
        assert place is Place.TOPIC
        assert found.topic.newest is not None
        assert f"in Kafka at offset {found.topic.newest.offset:,}" in verdict(found).sentence
        assert found.serve.newest is None
    finally:
        httpx.post(f"{pause}/resumeConsumption", timeout=30).raise_for_status()
    assert verdict(traced(applied, key)).place is Place.EVERYWHERE


def test_pinot_out_of_reach_does_not_hide_the_rest(applied: RunningProject) -> None:
    from headrace.apply.real import Connections
    from headrace.apply.tracing import row_path, trace_row

    opened = open_project(applied.directory)
    away = replace(opened.endpoints, pinot_controller_url="http://127.0.0.1:1")
    with Connections(opened.declaration, away, applied.directory / ".headrace") as connections:
        path = row_path(connections, ITEMS, "items", ["3"], values=False)
        found = trace_row(path, connections, None)
    assert found.source.present
    assert found.topic.newest is not None
    assert found.serve.problem is not None
    assert verdict(found).place is Place.UNKNOWN
    assert verdict(found).sentence.endswith("Pinot could not be asked")


def test_what_cannot_be_traced(applied: RunningProject) -> None:
    opened = open_project(applied.directory)
    wrong = {
        "trace-key": [(ITEMS, ["abc"]), (ITEMS, ["1", "2"]), (PAIRS, ["x,y"]), (ITEMS, ["9" * 30])],
        "table-not-declared": [(TableName("public", "nothing"), ["1"])],
    }
    wrong["trace-key"].append((PAIRS, ["a", "infinity", "1", "t"]))
    for code, asked in wrong.items():
        for table, key in asked:
            with pytest.raises(HeadraceError) as caught:
                opened.trace(table, key)
            assert caught.value.code == code
            assert not any(value in str(caught.value.as_dict()) for value in key if len(value) > 1)


def test_the_results_of_a_view_that_a_record_changed(applied: RunningProject) -> None:
    """Results written as Spark writes them, into a real topic and a real table."""
    ends = open_project(applied.directory).endpoints
    (number,) = applied.generations("public.items")
    contract = TableContract(
        table=TableName.of_view("notes"),
        served_name="notes",
        key=("__key",),
        columns=(
            Column("__key", "text", Conversion.TEXT, False),
            Column("n", "bigint", Conversion.LONG, True),
        ),
        versioned=True,
        origin=Origin(ITEMS, number, "shape"),
    )
    names = ViewNames(applied.name, 901)
    topic = names.topic(contract.table)
    applied.execute("INSERT INTO items VALUES (1020, 'viewed')")
    row = traced(applied, 1020).newest
    assert row is not None
    with (
        KafkaClient(ends.kafka_bootstrap) as kafka,
        PinotClient(ends.pinot_controller_url, ends.pinot_broker_url) as pinot,
    ):
        table = ServedTable(pinot, contract, names, Placement(ends.kafka_bootstrap), Status.LIVE)
        kafka.create_topic(topic, 1, {})
        try:
            table.apply()
            wait_until_consuming(pinot, table.name)
            opened = open_project(applied.directory)
            (view,) = opened.trace(ITEMS, ["1020"]).views
            assert view.holds(row.offset) is False
            producer = Producer({"bootstrap.servers": ends.kafka_bootstrap})
            for key, amount, version, read in (
                ('g["old"]', 1, row.offset - 1, row.offset - 1),
                ('g["viewed"]', 7, row.offset + 1, row.offset + 1),
            ):
                after = {"__key": key, "n": amount}
                source = {"ts_ms": 1, "lsn": 1, "txId": 1}
                result = {"op": "u", "before": None, "after": after, "source": source}
                value = json.dumps({**result, "version": version, "input": read})
                producer.produce(topic, key=json.dumps({"__key": key}), value=value)
            producer.flush(10)
            (view,) = traced(applied, 1020).views
            assert view.computed_below == row.offset + 1
            assert [(one.key, one.kind, one.answers) for one in view.changed] == [(None, Kind.ROW, True)]
            code, answer = applied.run("trace", "items", "1020")
            assert code == 0
            assert "notes: row of a group, as it is now" in answer
            assert "viewed" not in answer
            assert max(map(len, answer.splitlines())) <= 80
            shown = applied.run("trace", "items", "1020", "--show-values")[1]
            assert 'notes: row g["viewed"], as it is now' in shown
        finally:
            table.delete()
            kafka.delete_topic(topic)


def test_a_truncate_is_found_at_every_hop(applied: RunningProject) -> None:
    """The last one: it empties the table for all."""
    applied.execute("INSERT INTO items VALUES (1030, 'soon gone')")
    traced(applied, 1030)
    applied.execute("TRUNCATE items")
    gone = traced(applied, 1030)
    assert gone.newest is not None
    assert gone.newest.kind == Kind.TRUNCATE
    assert gone.serve.answering is None
    assert verdict(gone).sentence == "the table was truncated, and that is everywhere"
    applied.execute("INSERT INTO items VALUES (1030, 'back')")
    back = traced(applied, 1030)
    assert back.newest is not None
    assert back.newest.op == "c"
    assert back.serve.answering == back.newest.offset
