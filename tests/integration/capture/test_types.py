"""Every carried type through the real connector: snapshot and stream must emit the same, exact form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from tests.integration.source.type_cases import CASES, GARBAGE_PREFIX, TypeCase

pytestmark = pytest.mark.engines

IMAGES = {("r", "after"), ("c", "after"), ("u", "before"), ("u", "after"), ("d", "before")}


def make(bench: Bench, cases: Sequence[TypeCase]) -> list[TableContract]:
    """One table per type, each value a row, and their contracts by the real catalogue."""
    bench.run("DROP SCHEMA IF EXISTS types CASCADE", "CREATE SCHEMA types", "SET search_path = types")
    for number, case in enumerate(cases):
        bench.run(*filter(None, case.setup.split("; ")))
        bench.run(f"CREATE TABLE t{number} (id int PRIMARY KEY, pad int, v {case.type})")
        for place, literal in enumerate(literals(case)):
            bench.source.execute(
                f"INSERT INTO t{number} VALUES (%s, 0, %s::text::{case.type})", (place, literal)
            )
    tables: dict[str, Any] = {f"types.t{number}": {} for number in range(len(cases))}
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


def test_every_carried_type(bench: Bench) -> None:
    made = make(bench, CASES)
    capture = bench.capture(*made, settings=settings(made))
    stream(bench, capture, len(CASES))
    wrong: list[str] = []
    for case, table in zip(CASES, made, strict=True):
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
