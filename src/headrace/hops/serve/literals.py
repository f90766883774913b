"""Constants of a query, read the way PostgreSQL reads them; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from headrace.errors import HeadraceError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUE = frozenset({"true", "t", "yes", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "off", "0"})
_TOO_FINE = re.compile(r"\.\d{7}")
_DAY_MICROS = 86_400_000_000

WHOLE_TYPES = frozenset({exp.DataType.Type.SMALLINT, exp.DataType.Type.INT, exp.DataType.Type.BIGINT})
NUMBER_TYPES = frozenset(
    {
        *WHOLE_TYPES,
        exp.DataType.Type.DECIMAL,
        exp.DataType.Type.DOUBLE,
        exp.DataType.Type.FLOAT,
    }
)


def number(value: str) -> str:
    """A number in plain digits, `1e3` as `1000`."""
    try:
        parsed = Decimal(value.strip())
    except InvalidOperation:
        raise _wrong(value, "number") from None
    if not parsed.is_finite():
        raise _wrong(value, "finite number")
    return format(parsed, "f")


def boolean(value: str) -> bool:
    """A boolean by any of PostgreSQL's words."""
    folded = value.strip().lower()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise _wrong(value, "boolean")


def micros(value: str, pg_type: str) -> int:
    """An instant in microseconds since 1970, in a session whose zone is UTC.

    Args:
        value: its text.
        pg_type: what PostgreSQL reads the text as: `date` drops the time of day, `timestamp` drops the zone.
    """
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        raise _wrong(value, "timestamp, for instance '2026-01-31 10:00:00.000001'") from None
    if _TOO_FINE.search(value):
        raise _wrong(value, "timestamp of at most six digits after the point")
    if pg_type == "date":
        parsed = datetime(parsed.year, parsed.month, parsed.day, tzinfo=UTC)
    elif pg_type == "timestamp" or parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return (parsed - _EPOCH) // timedelta(microseconds=1)


def date_ms(value: str, pg_type: str) -> int | None:
    """A day in milliseconds since 1970; None for an instant, by `pg_type`, that is not the start of a day."""
    try:
        found = micros(value, pg_type)
    except HeadraceError:
        raise _wrong(value, "date, for instance '2026-01-31'") from None
    return None if found % _DAY_MICROS else found // 1000


def _wrong(value: str, wanted: str) -> HeadraceError:
    return HeadraceError("query-literal", f"`{value}` is not a {wanted}")
