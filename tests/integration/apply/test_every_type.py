"""Every carried type from PostgreSQL through all engines into an answer, read and streamed."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

import pytest

from headrace.apply.project import Project
from headrace.verify.verdict import Fault
from tests.integration.apply.project import RunningProject
from tests.integration.source.type_cases import CASES

pytestmark = pytest.mark.engines

COLUMNS = tuple(f"c{number}" for number in range(len(CASES)))
ROWS = max(len(case.values) for case in CASES)
AS_TEXT = dict.fromkeys(("daterange", "time"), "::text")
"""The driver has no place for a range up to infinity and for 24:00."""
NULLS = 900
STREAMED = 1000
SET_ASIDE = [
    (column, case.type, literal)
    for column, case in zip(COLUMNS, CASES, strict=True)
    for literal in [*(literal for literal, _ in case.rejected), *case.garbage]
]


def equal_otherwise(kind: str, value: object, native: object) -> bool:
    """What is the same in another form: see docs/reference/types.md."""
    if kind.endswith("[]") and isinstance(native, list):
        elements = [one if isinstance(one, bool | int) else str(one) for one in native]
        return json.loads(str(value)) == elements
    if kind == "bit(1)":
        return value == (native == "1")
    if kind == "real" and isinstance(native, float) and isinstance(value, float):
        return struct.pack("f", native) == struct.pack("f", value)
    return False


@pytest.fixture
def typed(project: RunningProject) -> Iterator[Project]:
    """A table with a column of each type, each of their values in some row, and a row of nulls."""
    with project.connect() as connection:
        connection.execute("DROP SCHEMA IF EXISTS types CASCADE")
        connection.execute("CREATE SCHEMA types")
        connection.execute("SET search_path = types, public")
        for case in CASES:
            for statement in filter(None, case.setup.split("; ")):
                connection.execute(statement)  # type: ignore[call-overload]
        declared = ", ".join(f"{column} {case.type}" for column, case in zip(COLUMNS, CASES, strict=True))
        connection.execute(f"CREATE TABLE typed (id int PRIMARY KEY, {declared})")  # type: ignore[call-overload]
        places = ", ".join(f"%s::text::{case.type}" for case in CASES)
        for row in range(ROWS):
            values = [case.values[row % len(case.values)][0] for case in CASES]
            connection.execute(f"INSERT INTO typed VALUES (%s, {places})", (row, *values))  # type: ignore[call-overload]
        connection.execute("INSERT INTO typed (id) VALUES (%s)", (NULLS,))
    opened = project.declare("types.typed")
    yield opened
    project.declare("orders").destroy()
    project.execute("DROP SCHEMA types CASCADE")


def test_it_is_answered_as_postgres_has_it(project: RunningProject, typed: Project) -> None:
    typed.apply()
    columns = ", ".join(COLUMNS)
    project.execute(
        f"INSERT INTO types.typed SELECT id + {STREAMED}, {columns} FROM types.typed",
        f"UPDATE types.typed SET id = id + {STREAMED} WHERE id >= {STREAMED}",
    )
    (verdict,) = typed.verify()
    assert verdict.exact
    assert verdict.source_rows == 2 * (ROWS + 1)
    wrong: set[tuple[str, str, str]] = set()
    for column, case in zip(COLUMNS, CASES, strict=True):
        served = project.served(f"SELECT id, {column} FROM typed ORDER BY id")
        readable = f"{column}{AS_TEXT.get(case.type, '')}"
        wanted = project.source(f"SELECT id, {readable}, format('%s', {column}) FROM types.typed ORDER BY id")
        assert len(served) == len(wanted)
        for (_, value), (_, native, text) in zip(served, wanted, strict=True):
            if value not in (native, text) and not equal_otherwise(case.type, value, native):
                wrong.add((case.type, repr(value), repr(native)))
    assert not wrong, "\n".join(map(str, sorted(wrong)))


def test_what_no_column_holds_is_set_aside_and_said(project: RunningProject, typed: Project) -> None:
    typed.apply()
    with project.connect() as connection:
        connection.execute("SET search_path = types, public")
        for number, (column, kind, literal) in enumerate(SET_ASIDE, start=STREAMED):
            statement = f"INSERT INTO typed (id, {column}) VALUES (%s, %s::text::{kind})"
            connection.execute(statement, (number, literal))  # type: ignore[call-overload]
    (verdict,) = typed.verify()
    assert not verdict.exact
    assert {one.fault for one in verdict.differences} == {Fault.REJECTED}
    assert len(verdict.differences) == len(SET_ASIDE)
    assert all(one.reason for one in verdict.differences)
    ids = {one.key for one in verdict.differences}
    assert ids == {(str(number),) for number in range(STREAMED, STREAMED + len(SET_ASIDE))}
    assert project.inexact()["typed"]
    project.execute(f"DELETE FROM types.typed WHERE id >= {STREAMED}")
    (verdict,) = typed.verify()
    assert verdict.exact
