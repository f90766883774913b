"""Arithmetic after the aggregation, against values PostgreSQL 18 printed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from headrace.contract import Conversion
from headrace.hops.serve import numeric
from headrace.hops.serve.bounds import fold


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        ("1", "3", "0.33333333333333333333"),
        ("10", "3", "3.3333333333333333"),
        ("2", "3", "0.66666666666666666667"),
        ("1.10", "2", "0.55000000000000000000"),
        ("100000", "7", "14285.714285714286"),
        ("0", "5", "0.00000000000000000000"),
        ("-7", "2", "-3.5000000000000000"),
        ("1", "10000", "0.000100000000000000000000"),
    ],
)
def test_division_has_postgresqls_scale(one: str, other: str, text: str) -> None:
    assert format(numeric.divide(Decimal(one), Decimal(other)), "f") == text


def test_whole_numbers_divide_towards_zero() -> None:
    assert [numeric.divide(a, b) for a, b in ((7, 2), (-7, 2), (7, -2))] == [3, -3, -3]


@pytest.mark.parametrize(
    ("conversion", "operator", "value", "expected"),
    [
        (Conversion.INT, "=", "1.5", False),
        (Conversion.INT, "<>", "1.5", True),
        (Conversion.INT, ">=", "1.5", (">=", "2")),
        (Conversion.INT, "<", "-1.5", ("<=", "-2")),
        (Conversion.INT, "<", "2147483648", True),
        (Conversion.INT, ">", "-2147483649", True),
        (Conversion.LONG, "=", "9223372036854775807", ("=", "9223372036854775807")),
        (Conversion.LONG, "=", "9223372036854775808", False),
        (Conversion.FLOAT, "=", "0.5", ("=", "0.5")),
        (Conversion.FLOAT, "=", "0.1", False),
        (Conversion.FLOAT, "<", "0.1", ("<=", "0.09999999403953552")),
        (Conversion.FLOAT, ">", "0.1", (">=", "0.10000000149011612")),
        (Conversion.DOUBLE, "=", "0.1", ("=", "0.1")),
    ],
)
def test_constants_no_value_can_have(
    conversion: Conversion, operator: str, value: str, expected: bool | tuple[str, str]
) -> None:
    assert fold(conversion, operator, value) == expected
