"""Every carried type through the real connector: snapshot and stream must emit the same, exact form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from headrace.contract import TableContract
from headrace.hops.source.catalog import contracts
from headrace.hops.source.client import SourceClient
from headrace.hops.source.fence import emit
from headrace.hops.source.types import SESSION_OPTIONS, snapshot_select
from headrace.hops.topic.fence import wait_for_fence
from headrace.hops.topic.messages import read
from headrace.hops.topic.probe import fence_offsets
from headrace.spec.model import Declaration
from tests.integration.capture.bench import Bench, Capture
from tests.integration.capture.engines import CaptureEngines
from tests.integration.source import servers
from tests.integration.source.type_cases import CASES, EXTENSIONS, GARBAGE_PREFIX, TypeCase

pytestmark = [pytest.mark.engines, pytest.mark.long]

IMAGES = {("r", "after"), ("c", "after"), ("u", "before"), ("u", "after"), ("d", "before")}


def make(bench: Bench, cases: Sequence[TypeCase]) -> list[TableContract]:
    """One table per type, each value a row, and their contracts by the real catalogue."""
    bench.run("DROP SCHEMA IF EXISTS types CASCADE", "CREATE SCHEMA types", "SET search_path = types, public")
    for number, case in enumerate(cases):
        bench.run(*filter(None, case.setup.split("; ")))
        bench.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, pad int, v {case.type})")
        for place, literal in enumerate(literals(case)):
            bench.source.execute(
                f"INSERT INTO t{number} VALUES (%s, 0, %s::text::{case.type})", (place, literal)
            )
    return declared(bench, {f"types.t{number}": {} for number in range(len(cases))})


def declared(bench: Bench, tables: dict[str, Any]) -> list[TableContract]:
    """The contracts the real catalogue gives; none may be refused."""
    declaration = Declaration.model_validate({"project": "shop", "tables": tables})
    with SourceClient.connect(bench.endpoints.source) as client:
        good, refusals = contracts(client, declaration)
    assert refusals == []
    return good


def settings(made: Sequence[TableContract]) -> dict[str, str]:
    """What exactness asks of the connector: sessions of known settings, dates read as numbers."""
    selects = {f"{c.table}": select for c in made if (select := snapshot_select(c)) is not None}
    name = "snapshot.select.statement.overrides"
    return {
        "driver.options": SESSION_OPTIONS,
        name: ",".join(selects),
        **{f"{name}.{table}": select for table, select in selects.items()},
    }


def literals(case: TypeCase) -> list[str | None]:
    return [literal for literal, _ in case.values + case.rejected] + [*case.garbage, None]


def stream(bench: Bench, capture: Capture, count: int) -> None:
    """Every row once more as insert, update and delete; returns when the connector has told of all."""
    bench.final_verdict(capture)
    for number in range(count):
        bench.run(
            f"INSERT INTO types.t{number} SELECT id + 1000, 1, v FROM types.t{number}",
            f"UPDATE types.t{number} SET pad = 2 WHERE id >= 1000",
            f"DELETE FROM types.t{number} WHERE id >= 1000",
        )
    wait(bench, capture)


def wait(bench: Bench, capture: Capture) -> None:
    """Until all that is committed now is in the topics."""
    with SourceClient.connect(bench.endpoints.source) as client:
        fence = emit(client)
    wait_for_fence(bench.kafka, capture.names.message_topic, fence.token, timeout_s=240)
    fence_offsets(bench.kafka, [capture.names.topic(table.table) for table in capture.contracts])


def images(bench: Bench, capture: Capture, table: TableContract) -> dict[tuple[int, str, str], Any]:
    found: dict[tuple[int, str, str], Any] = {}
    for record in read(bench.kafka, capture.names.topic(table.table)):
        for side in ("before", "after"):
            row = record.document[side]
            if row is not None:
                found[row["id"] % 1000, record.document["op"], side] = row["v"]
    return found


def check(bench: Bench, cases: Sequence[TypeCase]) -> None:
    """All values of all cases, in all images of a row."""
    made = make(bench, cases)
    capture = bench.capture(*made, settings=settings(made))
    stream(bench, capture, len(cases))
    wrong: list[str] = []
    for case, table in zip(cases, made, strict=True):
        found = images(bench, capture, table)
        expected = dict(enumerate([form for _, form in case.values + case.rejected]))
        expected[len(literals(case)) - 1] = None
        for place, literal in enumerate(literals(case)):
            seen = {(op, side): value for (at, op, side), value in found.items() if at == place}
            if set(seen) != IMAGES:
                wrong.append(f"{case.type} {literal}: only {sorted(seen)}")
            for image, value in seen.items():
                if literal in case.garbage:
                    good = all(element.startswith(GARBAGE_PREFIX) for element in value)
                else:
                    good = value == expected[place] and type(value) is type(expected[place])
                if not good:
                    wrong.append(f"{case.type} {literal} in {image}: {value!r}")
    assert wrong == []


def test_every_carried_type(bench: Bench) -> None:
    check(bench, CASES)


@pytest.fixture
def somebodys_own(capture_engines: CaptureEngines) -> Iterator[Bench]:
    """A bench whose source is Debian's PostgreSQL 15, which has the extensions."""
    if not (servers.BINARIES["15"] / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not installed")
    with servers.running("15") as server:
        address = server.recreate("own")
        # The server trusts every password; the worker still has to find one where it is told to look.
        address = replace(address, password_file=capture_engines.endpoints.source.password_file)
        workbench = Bench(replace(capture_engines.endpoints, source=address))
        try:
            yield workbench
        finally:
            workbench.bury()


def test_types_of_extensions(somebodys_own: Bench) -> None:
    check(somebodys_own, EXTENSIONS)
    check_keys(somebodys_own, EXTENSIONS)


def check_keys(bench: Bench, cases: Sequence[TypeCase]) -> None:
    """The same values as a key: the record's key holds the same form in the snapshot and in a delete."""
    bench.run("DROP SCHEMA IF EXISTS keys CASCADE", "CREATE SCHEMA keys")
    able = [case for case in cases if can_be_key(bench, case)]
    assert len(able) > len(cases) // 3, "a catalogue that refuses nearly every key proves nothing"
    tables: dict[str, Any] = {f"keys.k{number}": {} for number in range(len(able))}
    for number, case in enumerate(able):
        bench.run(f"CREATE TABLE keys.k{number} (v {case.type} PRIMARY KEY)")
        for literal, _ in case.values:
            bench.source.execute(f"INSERT INTO keys.k{number} VALUES (%s::text::{case.type})", (literal,))
    made = declared(bench, tables)
    capture = bench.capture(*made, settings=settings(made))
    bench.final_verdict(capture)
    for number in range(len(able)):
        bench.run(f"DELETE FROM keys.k{number}")
    wait(bench, capture)
    for case, table in zip(able, made, strict=True):
        keys: dict[str, set[str]] = {}
        for record in read(bench.kafka, capture.names.topic(table.table)):
            assert record.key is not None
            keys.setdefault(record.document["op"], set()).add(json.dumps(json.loads(record.key)["v"]))
        expected = {json.dumps(form) for _, form in case.values}
        assert keys == {"r": expected, "d": expected}, case.type


def can_be_key(bench: Bench, case: TypeCase) -> bool:
    """Whether the real catalogue takes a primary key of that type."""
    bench.run("DROP TABLE IF EXISTS keys.probe")
    try:
        bench.run(f"CREATE TABLE keys.probe (v {case.type} PRIMARY KEY)")
    except psycopg.errors.UndefinedObject:
        return False  # the type has no order, so PostgreSQL itself refuses the key
    declaration = Declaration.model_validate({"project": "shop", "tables": {"keys.probe": {}}})
    with SourceClient.connect(bench.endpoints.source) as client:
        good, _ = contracts(client, declaration)
    bench.run("DROP TABLE keys.probe")
    return bool(good)


def test_every_type_of_key(bench: Bench) -> None:
    bench.run("DROP SCHEMA IF EXISTS types CASCADE", "CREATE SCHEMA types", "SET search_path = types, public")
    for case in CASES:
        bench.run(*filter(None, case.setup.split("; ")))
    check_keys(bench, CASES)
