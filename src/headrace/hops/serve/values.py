"""Values of the broker's JSON -> Python; pure and exact.

The JSON must have been read with `parse_float=Decimal`: Pinot prints decimals as JSON numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from headrace.hops.serve.dialect import Kind
from headrace.hops.serve.types import fixed_scale

Decode = Callable[[object], object]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = date(1970, 1, 1)
_MS_PER_DAY = 86_400_000


def decoder(kind: Kind, pg_type: str = "") -> Decode:
    """How a value of that kind is read. None stays None."""
    if kind is Kind.DECIMAL and (scale := fixed_scale(pg_type)) is not None:
        unit = Decimal(1).scaleb(-scale)
        return lambda value: None if value is None else _rescaled(Decimal(str(value)), unit)
    read = _DECODERS[kind]
    return lambda value: None if value is None else read(value)


def truth(value: object) -> bool:
    """A Pinot boolean as it comes out of a transform: true, 1 or "true"."""
    return value is True or value == 1 or value == "true"


def instant(value: object) -> datetime:
    """Microseconds since 1970 -> an instant in UTC."""
    return _EPOCH + timedelta(microseconds=integer(value))


def integer(value: object) -> int:
    """A whole number, also out of a double or a decimal text."""
    return int(Decimal(str(value)))


def is_no_value(value: object) -> bool:
    """What Pinot prints for an aggregate over nothing."""
    return value is None or str(value) in {"null", "Infinity", "-Infinity", "NaN"}


def _day(value: object) -> date:
    return _DAY + timedelta(days=integer(value) // _MS_PER_DAY)


def _rescaled(value: Decimal, unit: Decimal) -> Decimal:
    """Pinot drops nothing but may print fewer zeros; `numeric(12,2)` always shows two."""
    exponent, wanted = value.as_tuple().exponent, unit.as_tuple().exponent
    if isinstance(exponent, int) and isinstance(wanted, int) and exponent > wanted:
        digits = value.as_tuple().digits + (0,) * (exponent - wanted)
        return Decimal((value.as_tuple().sign, digits, wanted))
    return value


_DECODERS: dict[Kind, Callable[[object], object]] = {
    Kind.INTEGER: integer,
    Kind.DECIMAL: lambda value: Decimal(str(value)),
    Kind.DOUBLE: lambda value: float(str(value)),
    Kind.TEXT: str,
    Kind.BOOLEAN: truth,
    Kind.BYTES: lambda value: bytes.fromhex(str(value)),
    Kind.DATE: _day,
    Kind.TIMESTAMP: lambda value: instant(value).replace(tzinfo=None),
    Kind.TIMESTAMP_TZ: instant,
    Kind.UNKNOWN: lambda value: value,
}
