"""`headrace query` against PostgreSQL, the same SQL on the same random rows: the answers must be equal.

Asked while all rows are in the consuming segment, again after a commit, and again with some rows replaced;
the conditions also with every kind of index on every column.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import get_args

import pytest

from headrace.contract import Column, Conversion
from headrace.endpoints import Endpoints
from headrace.hops.serve.query import QueryResult
from headrace.hops.serve.types import index_problem
from headrace.spec.model import Index
from tests.integration.serve.pairs import Pair, open_pair
from tests.integration.serve.queries import conditions, draw, fixed

pytestmark = pytest.mark.engines

ROWS = 400
QUERIES = 90

COLUMNS = (
    Column("id", "bigint", Conversion.LONG, False),
    Column("name", "text", Conversion.TEXT, index="inverted"),
    Column("plain", "text", Conversion.TEXT),
    Column("code", "text", Conversion.TEXT, False),
    Column("flag", "boolean", Conversion.BOOLEAN),
    Column("qty", "integer", Conversion.INT, index="range"),
    Column("num", "integer", Conversion.INT, False),
    Column("big", "bigint", Conversion.LONG),
    Column("price", "numeric(20,2)", Conversion.DECIMAL),
    Column("cost", "numeric(12,4)", Conversion.DECIMAL, False),
    Column("weight", "double precision", Conversion.DOUBLE),
    Column("raw", "bytea", Conversion.BYTES),
    Column("day", "date", Conversion.DATE),
    Column("at", "timestamp without time zone", Conversion.TIMESTAMP_MICROS),
    Column("atz", "timestamp with time zone", Conversion.TIMESTAMP_TZ),
    Column("clock", "time without time zone", Conversion.TIME_MICROS),
    Column("late", "text", Conversion.TEXT),
    Column("padded", "text", Conversion.TEXT),
)


@dataclass
class Asked:
    """A table in both systems, and how to ask both the same."""

    pair: Pair

    def pinot_answer(self, query: str) -> QueryResult:
        return self.pair.ask(query, after=self.pair.writer.offset)

    def postgres_answer(self, query: str) -> list[tuple[object, ...]]:
        with self.pair.connection.cursor() as cursor:
            return cursor.execute(query.encode()).fetchall()

    def compare_all(self, queries: Sequence[str]) -> None:
        for query in queries:
            self.compare(query)

    def compare(self, query: str) -> None:
        expected = self.postgres_answer(query)
        found = self.pinot_answer(query).rows
        one, other = [_plain(row) for row in expected], [_plain(row) for row in found]
        if "ORDER BY" not in query:
            one, other = sorted(one, key=repr), sorted(other, key=repr)
        assert other == one, query


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(_value(value) for value in row)


def _value(value: object) -> object:
    if isinstance(value, bool | None) or value is None:
        return value
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, int | Decimal):
        return Decimal(value).normalize()
    if isinstance(value, time):
        text = value.isoformat()
        return text.rstrip("0") if "." in text else text
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def random_row(source: random.Random, number: int) -> dict[str, object]:
    def maybe(value: object) -> object:
        return None if source.random() < 0.3 else value

    start = datetime(2024, 1, 1)  # noqa: DTZ001
    moment = start + timedelta(microseconds=source.randrange(0, 5 * 86_400_000_000, 999_999))
    return {
        "id": number,
        "name": maybe(source.choice(["", "a", "b", "ab", "A", "null", "a'b", "ä%_"])),
        "plain": maybe(source.choice(["", "a", "b", "c"])),
        "code": source.choice(["x", "y", "z"]),
        "flag": maybe(source.random() < 0.5),
        "qty": maybe(source.choice([0, 1, 2, 3, -1, 7])),
        "num": source.choice([0, 1, 2, 3, -5]),
        "big": maybe(source.choice([0, 1, 2**60 + 1, 2**60 + 3, -(2**60) - 1])),
        "price": maybe(Decimal(source.choice(["0.00", "1.10", "-2.50", "123456789012345678.91"]))),
        "cost": Decimal(source.randrange(-10000, 10000)).scaleb(-4),
        "weight": maybe(source.choice([0.0, 0.5, -1.25, 3.0])),
        "raw": maybe(source.choice([b"", b"\x00\xff", b"ab"])),
        "day": maybe(date(2024, 1, 1) + timedelta(days=source.randrange(4))),
        "at": maybe(moment),
        "atz": maybe(moment.replace(tzinfo=UTC)),
        "clock": maybe(time(source.randrange(24), 30, 0, source.choice([0, 120000]))),
        "late": maybe("late"),
        "padded": maybe(source.choice(["", " ", " a", "a ", " a ", "\ta ", "xa x"])),
    }


@contextmanager
def asked(engines: Endpoints, columns: tuple[Column, ...]) -> Iterator[Asked]:
    with open_pair(engines, f"logic_{uuid.uuid4().hex[:8]}", columns) as pair:
        yield Asked(pair)


def test_equal_to_postgres_before_and_after_commits(engines: Endpoints) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    source = random.Random(seed)
    with asked(engines, COLUMNS) as both:
        pair = both.pair
        pair.put("c", [random_row(source, number) for number in range(ROWS)])
        queries = [query.format(t=pair.name) for query in fixed()]
        queries += [draw(source).format(t=pair.name) for _ in range(QUERIES)]
        both.compare_all(queries)
        pair.commit()
        both.compare_all(queries)
        pair.put("u", [random_row(source, number) for number in source.sample(range(ROWS), 60)])
        pair.put("d", [random_row(source, number) for number in source.sample(range(ROWS), 20)])
        both.compare_all(queries)


@pytest.mark.parametrize("kind", [None, *get_args(Index)])
def test_no_index_on_any_column_changes_an_answer(engines: Endpoints, kind: str | None) -> None:
    """Segments have other indexes before they are committed, and none of them knows of NULL."""
    source = random.Random(7)
    indexed = [replace(column, index=kind) for column in COLUMNS]
    columns = tuple(replace(one, index=None) if index_problem(one) else one for one in indexed)
    with asked(engines, columns) as both:
        both.pair.put("c", [random_row(source, number) for number in range(ROWS)])
        queries = [query.format(t=both.pair.name) for query in conditions()]
        both.compare_all(queries)
        both.pair.commit()
        both.compare_all(queries)
