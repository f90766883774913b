"""Constants of a query, read the way PostgreSQL reads them; pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from sqlglot import exp

from headrace.errors import HeadraceError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUE = frozenset({"true", "t", "yes", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "off", "0"})

TIMESTAMP_TYPES = frozenset(
    {exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPNTZ}
)
NUMBER_TYPES = frozenset(
    {
        exp.DataType.Type.SMALLINT,
        exp.DataType.Type.INT,
        exp.DataType.Type.BIGINT,
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


def micros(value: str, is_text: bool) -> int:
    """An instant in microseconds since 1970; a text without zone is UTC. A bare number is taken as micros."""
    if not is_text:
        return int(number(value))
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        raise _wrong(value, "timestamp, for instance '2026-01-31 10:00:00.000001'") from None
    moment = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
    return (moment - _EPOCH) // timedelta(microseconds=1)


def date_ms(value: str) -> int:
    """A day in milliseconds since 1970."""
    try:
        parsed = date.fromisoformat(value.strip()[:10])
    except ValueError:
        raise _wrong(value, "date, for instance '2026-01-31'") from None
    return (parsed - _EPOCH.date()).days * 86_400_000


def _wrong(value: str, wanted: str) -> HeadraceError:
    return HeadraceError("query-literal", f"`{value}` is not a {wanted}")
