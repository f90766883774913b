"""Numbers on which 32-bit floats, doubles and decimals differ, asked of PostgreSQL and of Pinot alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import psycopg
import pytest

from headrace.contract import Column, Conversion
from headrace.endpoints import Endpoints
from headrace.errors import HeadraceError
from tests.integration.serve.pairs import open_pair
from tests.integration.serve.test_three_valued_logic import Asked

pytestmark = pytest.mark.engines

COLUMNS = (
    Column("id", "bigint", Conversion.LONG, False),
    Column("name", "text", Conversion.TEXT),
    Column("flag", "boolean", Conversion.BOOLEAN, False),
    Column("qty", "integer", Conversion.INT),
    Column("big", "bigint", Conversion.LONG),
    Column("twin", "bigint", Conversion.LONG, False),
    Column("price", "numeric(20,2)", Conversion.DECIMAL),
    Column("fine", "numeric(20,6)", Conversion.DECIMAL, False),
    Column("weight", "double precision", Conversion.DOUBLE),
    Column("ratio", "real", Conversion.FLOAT, False),
    Column("day", "date", Conversion.DATE, False),
)

_PRICES = ("0.00", "0.10", "1.10", "-0.10", "123456789.91", "123456789.90", "12345678901234567.91", None)
_FINES = ("0.000000", "0.001000", "0.000001", "-0.001000", "16777217.500000")
_WEIGHTS = (0.1, 0.2, 1.1, 0.0, -0.1, 1e20, 9007199254740994.0, None)
_BIGS = (2**60 + 1, 2**60 + 2, 2**53 + 1, -(2**60) - 1, 0, 7, -12, None)
_TWINS = (2**60 + 1, 2**60 + 3, 2**53, -(2**60) - 1, 1, 7, -11, 2**60)


def _rows() -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for number in range(56):
        price = _PRICES[number % 8] if number != 46 else "12345678901234567.90"
        found.append(
            {
                "id": number,
                "name": ("a", "b", None)[number % 3],
                "flag": number % 2 == 0,
                "qty": (1, 2, -2, 7, None)[number % 5],
                "big": _BIGS[number % 8],
                "twin": _TWINS[number % 8] if number < 50 else number,
                "price": None if price is None else Decimal(price),
                "fine": Decimal(_FINES[number % 5]),
                "weight": _WEIGHTS[number % 8],
                "ratio": (0.5, 0.25, -1.5)[number % 3],
                "day": date(2023 + number % 2, 1 + number % 12, 1),
            }
        )
    return found


_CONDITIONS = (
    "price >= 0.10",
    "price = 0.10",
    "price < 1.1",
    "price = 123456789.91",
    "price <> 123456789.91",
    "price > 0",
    "price = 0",
    "price IN (0.1, 1.1)",
    "price BETWEEN 0.1 AND 1.1",
    "price IS DISTINCT FROM 1.1",
    "price > 99999999999999999999",
    "fine >= 0.001",
    "fine > 0",
    "fine < 0.000001",
    "fine = 16777217.5",
    "fine <= -0.001",
    "weight >= 0.1",
    "weight = 0.1",
    "weight < 1.1",
    "weight <> 0.2",
    "weight = 0",
    "weight > 0",
    "weight >= 100000000000000000000",
    "weight < 100000000000000000000",
    "weight = 9007199254740993",
    "ratio >= 0.5",
    "ratio < 0.1",
    "big = 1152921504606846977",
    "big > 9007199254740992",
    "qty < 1.5",
    "price * 2 = 0.2",
    "price * 2 >= 2.2",
    "price + 0.1 = 0.2",
    "2 * big > 2305843009213693954",
    "big + 9007199254740993 = 9007199254740993",
    "weight * 2 = 0.2",
    "weight + 0.1 > 0.2",
    "weight * price > 0.01",
    "weight > price",
    "weight = price",
    "price > weight",
    "price = fine",
    "COALESCE(price, 0.1) = 0.10",
    "COALESCE(weight, 0.1) = 0.1",
    "COALESCE(big, 0) = 1152921504606846977",
    "COALESCE(qty, 0) < 1.5",
    "big = twin",
    "big <> twin",
    "big < twin",
    "big >= twin",
    "qty < twin",
    "weight = big",
    "- big = 1152921504606846977",
    "ABS(big) = 1152921504606846977",
    "qty % 2 = 0",
    "qty % 2 = 1",
    "(CASE WHEN flag THEN '01' ELSE '02' END) = '01'",
    "(CASE WHEN flag THEN 0.1 ELSE 0.25 END) = 0.1",
    "(CASE WHEN flag THEN COALESCE(weight, 7) ELSE 0.1 END) = 0.1",
)

_SELECTED = (
    "CASE WHEN flag THEN '01' ELSE '02' END",
    "CASE WHEN flag THEN 'true' ELSE 'false' END",
    "CASE WHEN flag THEN '2024-01-01 00:00:00' ELSE '2024-01-02 00:00:00' END",
    "CASE WHEN flag THEN 0.1 ELSE 16777217.5 END",
    "CASE WHEN flag THEN 0.1 ELSE twin END",
    "CASE WHEN flag THEN COALESCE(weight, 7) ELSE fine END",
    "COALESCE(price, 12345678901234567.89)",
    "COALESCE(name, '01')",
    "(price + 0.1) * 2",
    "- big",
    "ABS(big)",
    "ABS(price)",
    "- weight",
    "big + 9007199254740993",
    "qty % 3",
    "weight * price",
    "weight / 3",
)

_AGGREGATES = (
    "SUM(CASE WHEN price < 1.1 THEN price ELSE 0 END)",
    "SUM(CASE WHEN flag THEN 0.1 ELSE 0 END)",
    "SUM(CASE WHEN flag THEN 1.1 ELSE 2.2 END)",
    "SUM(CASE WHEN weight < 1.1 THEN 1 ELSE 0 END)",
    "COUNT((CASE WHEN qty > 1 THEN 1 END))",
    "AVG((CASE WHEN name = 'a' THEN price END))",
    "SUM((CASE WHEN name = 'a' THEN big END))",
    "MAX((CASE WHEN name = 'a' THEN big END))",
    "MAX(COALESCE(big, 0))",
    "MIN(COALESCE(big, 0))",
    "MAX(- big)",
    "MIN(ABS(big) + 1)",
    "MAX(big + qty)",
    "MAX(big) FILTER (WHERE price >= 0.10)",
    "SUM(ABS(big))",
    "SUM(- price)",
    "SUM(qty % 2)",
    "MIN(qty % 2)",
)

_WHOLE = (
    "SELECT - twin, COUNT(*) FROM {t} GROUP BY - twin",
    "SELECT COUNT(DISTINCT - twin), COUNT(DISTINCT CASE WHEN flag THEN twin * 2 ELSE twin END) FROM {t}",
    "SELECT MAX(EXTRACT(year FROM day)), MIN(EXTRACT(month FROM day)) FROM {t}",
    "SELECT qty % 2, COUNT(*) FROM {t} GROUP BY qty % 2",
    "SELECT CASE WHEN flag THEN '01' ELSE '1' END AS text, COUNT(*) FROM {t} GROUP BY 1",
    "SELECT name FROM {t} GROUP BY name HAVING MAX(weight) FILTER (WHERE weight < 0.15) <= 0.1",
    "SELECT id FROM {t} GROUP BY id HAVING MAX(weight) = 0.1",
    "SELECT id, big FROM {t} ORDER BY big, id",
    "SELECT id, twin FROM {t} ORDER BY twin DESC, id LIMIT 9",
    "SELECT id, big FROM {t} ORDER BY - big NULLS LAST, id",
    "SELECT id, big FROM {t} ORDER BY COALESCE(big, 1152921504606846977), id LIMIT 30",
    "SELECT id, price FROM {t} ORDER BY price DESC, id",
    "SELECT id, price FROM {t} ORDER BY price * 2 NULLS FIRST, id",
    "SELECT id FROM {t} GROUP BY id HAVING MAX(weight) IN (0.1, 0.2)",
)


def _queries() -> list[str]:
    found = [f"SELECT id FROM {{t}} WHERE {condition}" for condition in _CONDITIONS]
    found += [f"SELECT id FROM {{t}} WHERE NOT ({condition})" for condition in _CONDITIONS]
    found += [f"SELECT COUNT(*) FILTER (WHERE {condition}) FROM {{t}}" for condition in _CONDITIONS]
    found += [f"SELECT id, {selected} FROM {{t}}" for selected in _SELECTED]
    found += [f"SELECT {aggregate} FROM {{t}}" for aggregate in _AGGREGATES]
    return [*found, *_WHOLE]


@pytest.fixture
def asked(engines: Endpoints) -> Iterator[Asked]:
    with open_pair(engines, f"exact_{uuid.uuid4().hex[:8]}", COLUMNS) as pair:
        yield Asked(pair)


def test_numbers_are_postgres_numbers_before_and_after_a_commit(asked: Asked) -> None:
    asked.pair.put("c", _rows())
    _compare_all(asked)
    asked.pair.commit()
    _compare_all(asked)


def _compare_all(asked: Asked) -> None:
    """Every query is asked, so that one run shows all that differ."""
    found: list[str] = []
    for query in _queries():
        try:
            asked.compare(query.format(t=asked.pair.name))
        except (AssertionError, HeadraceError, psycopg.Error) as error:
            found.append(f"{query}: {str(error)[:300]}")
    assert not found, "\n".join(found)
