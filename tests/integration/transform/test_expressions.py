"""Every function and operator the compiler takes, over hostile values, in PostgreSQL and in Spark: equal.

A row that PostgreSQL itself refuses to compute (out of range) must be set aside in Spark, and no other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import psycopg
import pytest

from headrace.hops.transform.compile import compile_sql
from headrace.hops.transform.view import CompiledView
from tests.integration.transform import nasty
from tests.integration.transform.accepted import AGGREGATES, CONDITIONS, SCALARS
from tests.integration.transform.spark_batch import SparkBatch
from tests.temporary_postgres import TemporaryPostgres

pytestmark = [pytest.mark.engines, pytest.mark.slow]

CHUNK = 40


@pytest.fixture(scope="module")
def connection(postgres_server: TemporaryPostgres) -> Iterator[psycopg.Connection]:
    conninfo = postgres_server.recreate("transform")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        nasty.create(connection)
        yield connection


def compiled(sql: str) -> CompiledView:
    view, refusals = compile_sql("v", sql, {nasty.CONTRACT.table: nasty.CONTRACT})
    assert view is not None, (sql, refusals)
    return view


def in_postgres(connection: psycopg.Connection, view: CompiledView, key: int) -> object:
    """The value of `e` for one row, in the envelope's form; ERROR when PostgreSQL refuses to compute it."""
    try:
        row = connection.execute(view.over(f"(SELECT * FROM nasty WHERE id = {key})")).fetchone()
    except psycopg.Error:
        return "ERROR"
    assert row is not None
    return nasty.enveloped(row[1])


def in_spark(
    spark: SparkBatch, views: list[CompiledView], images: list[dict[str, object]]
) -> list[list[object]]:
    """For each view the value of `e` in each row; ERROR where the row is set aside."""
    image = ", ".join(sorted({f"`{name}` {kind}" for view in views for name, kind in view.image}))
    values = {value.name: value.expr for view in views for value in view.values}
    names = {name for view in views for name, _ in view.image}
    rejects = [f"{view.reject or 'NULL'} AS r{k}" for k, view in enumerate(views)]
    typed = [f"{values.get(name, f'`{name}`')} AS `{name}`" for name in sorted(names)]
    results = [f"{view.columns[1].expr} AS e{k}" for k, view in enumerate(views)]
    stages = [
        {"select": [*rejects, *typed]},
        {"select": ["id", *(f"r{k}" for k in range(len(views))), *results]},
    ]
    rows = {row["id"]: row for row in spark.rows(image, images, stages)}
    return [
        ["ERROR" if f"r{k}" in rows[key] else rows[key].get(f"e{k}") for key in range(len(images))]
        for k in range(len(views))
    ]


def same(expected: object, found: object, view: CompiledView) -> bool:
    if expected == "ERROR" or expected is None or found is None:
        return expected == found
    kind = view.columns[1].pg_type
    if kind.startswith("numeric"):
        return Decimal(str(expected)) == Decimal(str(found))
    if kind == "timestamp with time zone":
        return datetime.fromisoformat(str(expected)) == datetime.fromisoformat(str(found))
    if kind == "real":
        return struct.pack("f", expected) == struct.pack("f", found)
    return type(expected) is type(found) and expected == found


ALWAYS_NULL = frozenset({"NULL", "t || NULL"})
"""The others must have a value in some row, or nothing would be compared."""

EXPRESSIONS = (*SCALARS, *(f"({condition})" for condition in CONDITIONS))


@pytest.mark.parametrize("start", range(0, len(EXPRESSIONS), CHUNK))
def test_every_expression_equals_postgresql(
    start: int, spark: SparkBatch, connection: psycopg.Connection
) -> None:
    expressions = EXPRESSIONS[start : start + CHUNK]
    views = [compiled(f"SELECT id, {expression} AS e FROM nasty") for expression in expressions]
    images = nasty.images(connection)
    found = in_spark(spark, views, images)
    wrong: list[str] = []
    for expression, view, values in zip(expressions, views, found, strict=True):
        expected = [in_postgres(connection, view, key) for key in range(len(images))]
        assert expression in ALWAYS_NULL or any(value not in (None, "ERROR") for value in expected), (
            f"{expression} has no value in any row"
        )
        for key, (one, other) in enumerate(zip(expected, values, strict=True)):
            if not same(one, other, view):
                read = {name: images[key][name] for name, _ in view.image}
                wrong.append(
                    f"{expression} of {read}: PostgreSQL {one!r}, Spark {other!r}: {view.columns[1].expr}"
                )
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_types_are_postgresqls(expression: str, connection: psycopg.Connection) -> None:
    view = compiled(f"SELECT id, {expression} AS e FROM nasty")
    connection.execute(f"CREATE TEMP VIEW typed AS {view.sql}")
    try:
        row = connection.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'typed'::regclass AND attname = 'e'"
        ).fetchone()
    finally:
        connection.execute("DROP VIEW typed")
    assert row is not None
    assert row[0] == view.columns[1].pg_type


@pytest.mark.parametrize(
    "group", ["t", "y", "n", "date_trunc('month', q)", "i > 0", "d", "e", "coalesce(v, '-')"]
)
def test_every_aggregate_equals_postgresql(
    group: str, spark: SparkBatch, connection: psycopg.Connection
) -> None:
    items = ", ".join(f"{aggregate} AS a{k}" for k, aggregate in enumerate(AGGREGATES))
    view = compiled(f"SELECT {group} AS g, {items} FROM nasty WHERE i <> 7 OR i IS NULL GROUP BY 1")
    averages = ", ".join(f"{_oracle(one)} AS a{k}" for k, one in enumerate(AGGREGATES))
    oracle = f"SELECT {group} AS g, {averages} FROM nasty WHERE i <> 7 OR i IS NULL GROUP BY 1"
    expected = {_group(nasty.enveloped(row[0])): row[1:] for row in connection.execute(oracle)}
    assert view.where is not None
    values = {value.name: value.expr for value in view.values}
    typed = [f"{values.get(name, f'`{name}`')} AS `{name}`" for name, _ in view.image]
    passing = f"CASE WHEN {view.where} THEN 1 END AS passing"
    stages = [
        {"select": [*typed, f"{view.reject} AS reject"]},
        {"select": [passing, *(f"{one.expr} AS {one.name}" for one in (*view.group, *view.sums))]},
        {"group": ["passing", *(one.name for one in view.group)], "sums": [one.name for one in view.sums]},
        {"select": ["passing", *(f"{one.expr} AS `{one.name}`" for one in view.columns)]},
    ]
    image = ", ".join(f"`{name}` {kind}" for name, kind in view.image)
    rows = [row for row in spark.rows(image, nasty.images(connection), stages) if "passing" in row]
    assert len(rows) == len(expected)
    for row in rows:
        for k, one in enumerate(expected[_group(row.get("g"))]):
            other = row.get(f"a{k}")
            if isinstance(one, Decimal):
                assert other is not None
                assert Decimal(str(other)) == one, (AGGREGATES[k], row)
            else:
                assert other == one, (AGGREGATES[k], row)


def _oracle(aggregate: str) -> str:
    """The aggregate for PostgreSQL; an average as its sum and its count, as this test's Spark gives it."""
    if not aggregate.startswith("avg("):
        return aggregate
    argument = aggregate[4:-1]
    quotient = f"sum({argument})::text || '/' || count({argument})"
    return f"CASE WHEN count({argument}) > 0 THEN {quotient} END"


def _group(value: object) -> object:
    """One spelling for a group, whichever side it comes from."""
    return value.replace(".000000Z", "Z") if isinstance(value, str) else value
