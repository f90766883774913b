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
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?")
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


def plain_decimal(number: str) -> str:
    """A decimal without zeros at its end, as the decoder stores it."""
    found = format(Decimal(number), "f")
    if "." in found:
        found = found.rstrip("0").rstrip(".")
    return "0" if found == "-0" else found


def time_of_day(value: str) -> str:
    """A time as PostgreSQL prints it, `9:00` as `09:00:00`."""
    if value.strip() in {"24:00", "24:00:00"}:
        return "24:00:00"
    found = _TIME.fullmatch(value.strip())
    if found is None:
        raise _wrong(value, "time of day, for instance '09:30:00.5'")
    hour, minute, second, fraction = found.groups(default="")
    fraction = fraction.rstrip("0")
    return f"{int(hour):02d}:{minute}:{second or '00'}" + (f".{fraction}" if fraction else "")


def boolean(value: str) -> bool:
    """A boolean by any of PostgreSQL's words."""
    folded = value.strip().lower()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise _wrong(value, "boolean")


def hexadecimal(value: str) -> str:
    """Bytes in hexadecimal digits, from the `\\x` form or from plain letters."""
    if "\\" not in value:
        return value.encode().hex()
    if re.fullmatch(r"\\x([0-9a-fA-F]{2})*", value) is None:
        raise _wrong(value, r"row of bytes, for instance '\x00ff'")
    return value[2:].lower()


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
