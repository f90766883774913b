"""Values that Pinot keeps as texts, compared, grouped and sorted: the answers are PostgreSQL's."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import time
from decimal import Decimal

import psycopg
import pytest
from psycopg import sql

from headrace.contract import Column, Conversion
from headrace.endpoints import Endpoints
from tests.integration.serve.pairs import Pair, open_pair

pytestmark = pytest.mark.engines

UUIDS = tuple(str(uuid.UUID(int=number << 120)) for number in (1, 160, 250))

_CONDITIONS = (
    "id = 10.0",
    "id IN ('2.50', 9, 100)",
    "id <> 9.00",
    "NOT (id = 9)",
    "c = 'ab'",
    "c <> 'ab '",
    "c IN ('ab', 'abcde', 'abcdefg')",
    "c = 'ab'::text",
    "c LIKE 'ab'",
    "c LIKE 'ab%'",
    "TRIM(c) < 'abc'",
    "rtrim(c) = 'ab'",
    "clock = '9:00'",
    "clock < '10:00'",
    "clock BETWEEN '09:00' AND TIME '10:00:00.100'",
    "clock IN ('09:00', '23:59:59.999999')",
    f"u = '{UUIDS[1].upper()}'",
    f"u > '{UUIDS[1].replace('-', '')}'",
    f"u IS DISTINCT FROM '{{{UUIDS[1]}}}'::uuid",
    "mood = 'ok'",
    "mood <> 'ok'",
    "mood IS NULL",
    "CASE WHEN mood = 'ok' THEN 1 ELSE 0 END = 0",
    "addr = '10.0.0.1/32'",
    "addr IN ('10.0.0.1/8', '9.0.0.1')",
    "mac = '08:00:2B:01:02:03'",
    "doc IS NULL",
    "raw = 'ab'",
    "raw = '\\x6162'",
    "raw <> ''",
)
_QUERIES = (
    *(f"SELECT n FROM {{t}} WHERE {condition}" for condition in _CONDITIONS),
    "SELECT n FROM {t} ORDER BY clock, n",
    "SELECT n FROM {t} ORDER BY u DESC, n",
    "SELECT n FROM {t} ORDER BY TRIM(c), n LIMIT 20",
    "SELECT COUNT(DISTINCT c), COUNT(DISTINCT mood), COUNT(DISTINCT clock), COUNT(DISTINCT addr) FROM {t}",
    "SELECT COUNT(*) AS k FROM {t} GROUP BY c ORDER BY k",
    "SELECT c, COUNT(*) FROM {t} GROUP BY c",
    "SELECT mood, COUNT(*) FROM {t} GROUP BY mood",
    "SELECT COUNT(*) FROM {t} GROUP BY clock ORDER BY clock",
    "SELECT COUNT(*) FROM {t} GROUP BY u ORDER BY u DESC NULLS LAST",
    "SELECT COUNT(*) FROM {t} GROUP BY mood HAVING mood IS NOT NULL ORDER BY COUNT(*)",
)


def _columns(mood: str) -> tuple[Column, ...]:
    return (
        Column("id", "numeric", Conversion.DECIMAL_TEXT, False),
        Column("n", "integer", Conversion.INT, False),
        Column("c", "character(5)", Conversion.TEXT),
        Column("clock", "time without time zone", Conversion.TIME_MICROS),
        Column("u", "uuid", Conversion.TEXT),
        Column("mood", mood, Conversion.TEXT),
        Column("addr", "inet", Conversion.TEXT),
        Column("mac", "macaddr", Conversion.TEXT, False),
        Column("doc", "jsonb", Conversion.TEXT),
        Column("raw", "bytea", Conversion.BYTES),
    )


def _row(source: random.Random, number: int) -> dict[str, object]:
    def maybe(value: object) -> object:
        return None if source.random() < 0.2 else value

    return {
        "id": Decimal(number * 5).scaleb(-1),
        "n": number,
        "c": maybe(source.choice(["ab", "abc", "abcde", "a b", ""]).ljust(5)),
        "clock": maybe(time(source.choice([9, 10, 23]), 0, 0, source.choice([0, 0, 100000, 20000]))),
        "u": maybe(source.choice(UUIDS)),
        "mood": maybe(source.choice(["sad", "ok", "happy"])),
        "addr": maybe(source.choice(["10.0.0.1", "10.0.0.1/8", "9.0.0.1"])),
        "mac": source.choice(["08:00:2b:01:02:03", "08:00:2b:01:02:04"]),
        "doc": maybe('{"a": 1}'),
        "raw": maybe(source.choice([b"", b"ab", b"\x00"])),
    }


@pytest.fixture
def pair(engines: Endpoints) -> Iterator[Pair]:
    name = f"texts_{uuid.uuid4().hex[:8]}"
    mood = f"mood_{name}"
    with psycopg.connect(**engines.source.conninfo(), autocommit=True) as connection:
        kind = sql.Identifier(mood)
        connection.execute(sql.SQL("CREATE TYPE {} AS ENUM ('sad', 'ok', 'happy')").format(kind))
        try:
            with open_pair(engines, name, _columns(mood)) as made:
                yield made
        finally:
            connection.execute(sql.SQL("DROP TYPE {}").format(kind))


def test_stored_texts_are_compared_as_postgresql_compares_the_values(pair: Pair) -> None:
    source = random.Random(7)
    pair.put("c", [_row(source, number) for number in range(60)])
    for committed in (False, True):
        if committed:
            pair.commit()
        for query in (query.replace("{t}", pair.name) for query in _QUERIES):
            expected = [tuple(row) for row in pair.connection.execute(query.encode()).fetchall()]
            found = pair.ask(query, after=pair.writer.offset).rows
            if "ORDER BY" not in query or "GROUP BY c ORDER" in query:
                expected, found = sorted(expected, key=repr), sorted(found, key=repr)
            assert found == expected, query
