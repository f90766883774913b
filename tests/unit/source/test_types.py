"""The mapping of types, without a server."""

from __future__ import annotations

import pytest

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.source.types import (
    CONVERSIONS,
    KEY_CONVERSIONS,
    REFUSED,
    PgType,
    Refused,
    conversion_of,
    snapshot_select,
)
from headrace.names import TableName


def base(name: str, formatted: str | None = None) -> PgType:
    return PgType(name, "b", "b" if name.startswith("_") else "", formatted or name)


def test_no_type_is_both_carried_and_refused() -> None:
    assert not CONVERSIONS.keys() & REFUSED.keys()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name: str) -> None:
    found = conversion_of(base(name))
    assert isinstance(found, Refused)
    assert found.reason == REFUSED[name]


@pytest.mark.parametrize("name", sorted(CONVERSIONS))
def test_keys_are_of_comparable_types(name: str) -> None:
    assert conversion_of(base(name)) is CONVERSIONS[name]
    in_key = conversion_of(base(name), in_key=True)
    assert isinstance(in_key, Refused) or in_key in KEY_CONVERSIONS


@pytest.mark.parametrize(
    ("pg_type", "expected"),
    [
        (PgType("mood", "e", "", "mood"), Conversion.TEXT),
        (base("bit", "bit(1)"), Conversion.BOOLEAN),
        (base("numeric", "numeric(10,2)"), Conversion.DECIMAL),
    ],
)
def test_decided_by_more_than_the_name(pg_type: PgType, expected: Conversion) -> None:
    assert conversion_of(pg_type) is expected


@pytest.mark.parametrize(
    "pg_type",
    [
        PgType("t", "c", "", "t"),
        PgType("int4multirange", "m", "", "int4multirange"),
        PgType("floatrange", "r", "", "floatrange"),
        PgType("_mood", "b", "e", "mood[]"),
        PgType("_price", "b", "d", "price[]"),
        PgType("public.int4", "b", "", "int4"),
        base("bit", "bit(3)"),
        base("numeric", "numeric(4,-2)"),
        base("some_extension_type"),
    ],
)
def test_not_carried(pg_type: PgType) -> None:
    assert isinstance(conversion_of(pg_type), Refused)


def test_a_numeric_key_is_text() -> None:
    assert conversion_of(base("numeric"), in_key=True) is Conversion.DECIMAL_TEXT


def test_the_snapshot_reads_dates_as_numbers() -> None:
    columns = (Column('a"b', "integer", Conversion.INT), Column("d", "date", Conversion.DATE))
    contract = TableContract(TableName("s", "t"), "t", ('a"b',), columns)
    assert snapshot_select(contract) == (
        """SELECT "a""b", CASE "d" WHEN 'infinity' THEN 2146033979 WHEN '-infinity' THEN -2147472691 """
        """ELSE "d" - date '1970-01-01' END AS "d" FROM "s"."t\""""
    )
    assert snapshot_select(TableContract(TableName("s", "t"), "t", ('a"b',), columns[:1])) is None
