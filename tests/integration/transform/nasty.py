"""A table with values that tell engines apart, in PostgreSQL and as the connector writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg

from headrace.contract import Column, Conversion, TableContract
from headrace.names import TableName

_TYPES: tuple[tuple[str, str, Conversion], ...] = (
    ("s", "smallint", Conversion.INT),
    ("i", "integer", Conversion.INT),
    ("j", "integer", Conversion.INT),
    ("b", "bigint", Conversion.LONG),
    ("n", "numeric(10,2)", Conversion.DECIMAL),
    ("m", "numeric(12,4)", Conversion.DECIMAL),
    ("w", "numeric(30,10)", Conversion.DECIMAL),
    ("u", "numeric", Conversion.DECIMAL),
    ("t", "text", Conversion.TEXT),
    ("v", "character varying(40)", Conversion.TEXT),
    ("y", "boolean", Conversion.BOOLEAN),
    ("z", "boolean", Conversion.BOOLEAN),
    ("d", "date", Conversion.DATE),
    ("p", "timestamp without time zone", Conversion.TIMESTAMP_MICROS),
    ("q", "timestamp with time zone", Conversion.TIMESTAMP_TZ),
    ("c", "time without time zone", Conversion.TIME_MICROS),
    ("g", "uuid", Conversion.TEXT),
    ("e", "mood", Conversion.TEXT),
    ("f", "double precision", Conversion.DOUBLE),
    ("r", "real", Conversion.FLOAT),
)
CONTRACT = TableContract(
    TableName("public", "nasty"),
    "nasty",
    ("id",),
    (
        Column("id", "bigint", Conversion.LONG, nullable=False),
        *(Column(name, pg_type, conversion) for name, pg_type, conversion in _TYPES),
    ),
)

_WHOLE = (0, 1, -1, 7, 2**15 - 1, -(2**15), 10, 46341)
_VALUES: dict[str, tuple[object, ...]] = {
    "s": (0, 1, -1, 7, 2**15 - 1, -(2**15), 181, 182),
    "i": (*_WHOLE, 2**31 - 1, -(2**31), 46340, 65536),
    "j": (2, -2, 0, 1, 2**31 - 1, -1, 46341, -(2**31)),
    "b": (*_WHOLE, 2**63 - 1, -(2**63), 2**31, 3_037_000_500),
    "n": ("0.00", "0.01", "-0.01", "0.50", "-0.50", "1.50", "2.50", "-2.50", "99999999.99", "-99999999.99"),
    "m": ("0.0000", "0.5000", "0.4999", "-0.5000", "1.4950", "1.4950", "99999999.9999", "-12.3455", "0.0050"),
    "w": (
        *("0.0000000000", "0.4999999999", "99999999999999999999.9999999999", "-1.5000000000"),
        *("-99999999999999999999.9999999999", "12345678901234567890.1234567890", "0.0000000001"),
    ),
    "u": (
        *("0", "1.0", "1.00", "1.005", "-1.005", "2.5", "0.4" + "9" * 45, "1e-30", "123456789012345678901.5"),
        *("1e45", "-0.005", "99999999.994", "99999999.995"),
    ),
    "t": (
        *("", " ", "abc", " abc ", "ABC", "aé", "e\u0301", "日本語", "🙂x🙂", "a%b", "a_b", "a\\b", "it's"),
        *(
            "line\nbreak",
            "\tx",
            "xxaxx",
            "null",
            "a" * 300,
            "ß",
            "İ",
            "\u00a0a\u00a0",
            '"q"',
            "$1",
            "\ue000x\ue001",
        ),
    ),
    "v": ("", "abc", "ab", "xyz ", "🙂", "A", "a b", "it''s"),
    "y": (True, False, True, False, None),
    "z": (True, True, False, False, None, None),
    "d": ("1970-01-01", "1969-12-31", "2024-02-29", "2023-12-31", "0001-01-01", "9999-12-31", "1582-10-10"),
    "p": (
        *("1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2024-02-29 12:34:56.000001"),
        *(
            "0001-01-01 00:00:00",
            "9999-12-31 23:59:59.999999",
            "1900-02-28 23:00:00.5",
            "2021-01-03 05:06:07",
        ),
        "1582-10-05 00:00:00",
    ),
    "q": (
        *("1970-01-01 00:00:00+00", "1969-12-31 23:59:59.999999+00", "2024-03-10 07:30:00+00"),
        *("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2024-12-30 00:00:00.123+00"),
    ),
    "c": ("00:00:00", "23:59:59.999999", "12:00:00"),
    "g": ("00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "e": ("happy", "sad", "it's"),
    "f": (0.0, -0.0, 0.1, 1e300, 5e-324, -1.5, 1 / 3),
    "r": (0.0, 0.1, 3.4e38, 1.401298464324817e-45, 16777216.0),
}
COUNT = 26


def create(connection: psycopg.Connection) -> None:
    """The table, filled: row k holds the k-th value of each column, in turn, and NULLs."""
    connection.execute("CREATE TYPE mood AS ENUM ('happy', 'sad', 'it''s')")
    columns = ", ".join(f"{name} {pg_type}" for name, pg_type, _ in _TYPES)
    connection.execute(f"CREATE TABLE nasty (id bigint PRIMARY KEY, {columns})")
    names = [name for name, _, _ in _TYPES]
    placed = ", ".join(f"%s::{pg_type}" for _, pg_type, _ in _TYPES)
    for k in range(COUNT):
        row = [_value(name, position, k) for position, name in enumerate(names)]
        connection.execute(f"INSERT INTO nasty VALUES ({k}, {placed})", row)
    connection.execute("INSERT INTO nasty (id) VALUES (%s)", [COUNT])


def _value(name: str, position: int, k: int) -> object:
    if k and (k + position) % 11 == 0:
        return None
    values = _VALUES[name]
    return values[(k + k // len(values) * position) % len(values)]


def images(connection: psycopg.Connection) -> list[dict[str, object]]:
    """The rows as they stand in the envelope."""
    texts = {"n", "m", "w", "u", "g", "e"}
    chosen = ", ".join(f"{name}::text" if name in texts else name for name, _, _ in (("id", "", ""), *_TYPES))
    cursor = connection.execute(f"SELECT {chosen} FROM nasty ORDER BY id")
    names = ["id", *(name for name, _, _ in _TYPES)]
    return [{name: enveloped(value) for name, value in zip(names, row, strict=True)} for row in cursor]


def enveloped(value: object) -> object:
    """A value as the connector writes it; NULL and JSON's own types are themselves."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return (value.replace(tzinfo=UTC) - epoch) // timedelta(microseconds=1)
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return (value - epoch.date()).days
    if isinstance(value, Decimal | UUID):
        return str(value)
    if hasattr(value, "hour"):
        clock = value
        return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000 + clock.microsecond  # type: ignore[attr-defined]
    return value
