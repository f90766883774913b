"""Dates and instants: date_trunc, extract, AT TIME ZONE 'UTC'. Everything is computed in UTC.

Days and microseconds since 1970 are plain numbers here; only the calendar (month, year, ISO week) is asked of
Spark, on dates without a zone.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar
from headrace.hops.transform.scope import Scope
from headrace.hops.transform.types import DATE, TIMESTAMP, TIMESTAMP_TZ, Kind, Type, numeric

DAY_MICROS = 86_400_000_000
_CLOCK_MICROS = {
    "MICROSECONDS": 1,
    "MILLISECONDS": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": DAY_MICROS,
}
_CALENDAR = {"MONTH": "MONTH", "QUARTER": "QUARTER", "YEAR": "YEAR"}
_UNITS = [*_CLOCK_MICROS, "WEEK", *_CALENDAR]


def days_of(micros: str) -> str:
    """The day an instant falls on, as days since 1970."""
    return f"CAST({_floor(micros, DAY_MICROS)} AS INT)"


def micros_of(days: str) -> str:
    """The first instant of a day."""
    return f"(CAST({days} AS BIGINT) * {DAY_MICROS}L)"


def _floor(value: str, unit: int) -> str:
    return f"(({value} - pmod({value}, {unit}L)) div {unit}L)"


def _date(days: str) -> str:
    return f"date_from_unix_date({days})"


def _truncate(scope: Scope, node: Node) -> Scalar:
    unit = _unit(node.args.get("unit"))
    if unit not in _UNITS or node.args.get("zone") is not None:
        hint = "one of " + ", ".join(unit.lower() for unit in _UNITS) + ", without a time zone"
        raise Refused("date_trunc is not taken with this unit or zone", hint, at=node)
    value = scope.computable(node.this)
    if value.type.kind is Kind.DATE:
        # PostgreSQL turns the date into a timestamptz first.
        micros, kind = micros_of(value.sql), TIMESTAMP_TZ
    elif value.type.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        micros, kind = value.sql, TIMESTAMP if value.type.kind is Kind.TIMESTAMP else TIMESTAMP_TZ
    else:
        raise Refused(f"date_trunc of {value.type.pg}", "dates and timestamps can be truncated", at=node)
    return Scalar(_truncated(unit, micros), kind, value.nullable)


def _truncated(unit: str, micros: str) -> str:
    if unit in _CLOCK_MICROS:
        return f"({micros} - pmod({micros}, {_CLOCK_MICROS[unit]}L))"
    days = days_of(micros)
    if unit == "WEEK":
        return micros_of(f"({days} - pmod({days} + 3, 7))")
    return micros_of(f"unix_date(trunc({_date(days)}, '{_CALENDAR[unit]}'))")


def _unit(node: Node | None) -> str:
    return str(node.name).upper() if node is not None else ""


_DAY_FIELDS: dict[str, tuple[str, int]] = {
    "YEAR": ("year({date})", 4),
    "ISOYEAR": ("extract(YEAROFWEEK FROM {date})", 5),
    "QUARTER": ("quarter({date})", 1),
    "MONTH": ("month({date})", 2),
    "WEEK": ("weekofyear({date})", 2),
    "DAY": ("day({date})", 2),
    "DOY": ("dayofyear({date})", 3),
    "DOW": ("pmod({days} + 4, 7)", 1),
    "ISODOW": ("(pmod({days} + 3, 7) + 1)", 1),
}
_CLOCK_FIELDS: dict[str, tuple[int, int]] = {
    "HOUR": (DAY_MICROS, 3_600_000_000),
    "MINUTE": (3_600_000_000, 60_000_000),
}
_FIELDS = [*_DAY_FIELDS, *_CLOCK_FIELDS, "SECOND", "EPOCH"]


def _extract(scope: Scope, node: Node) -> Scalar:
    field = _unit(node.this)
    value = scope.computable(node.expression)
    if value.type.kind not in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        raise Refused(f"extract from {value.type.pg}", "dates and timestamps have fields", at=node)
    a_date = value.type.kind is Kind.DATE
    if field not in _FIELDS or (a_date and field not in (*_DAY_FIELDS, "EPOCH")):
        hint = "one of " + ", ".join(name.lower() for name in _FIELDS)
        raise Refused(f"extract is not taken with this field of {value.type.pg}", hint, at=node)
    if field in _DAY_FIELDS:
        template, digits = _DAY_FIELDS[field]
        days = value.sql if a_date else days_of(value.sql)
        return _field(template.format(days=days, date=_date(days)), numeric(digits, 0), value)
    if field in _CLOCK_FIELDS:
        cycle, unit = _CLOCK_FIELDS[field]
        return _field(f"(pmod({value.sql}, {cycle}L) div {unit}L)", numeric(2, 0), value)
    if field == "SECOND":
        return _seconds(f"pmod({value.sql}, 60000000L)", numeric(2, 6), value)
    if a_date:
        return _field(f"({micros_of(value.sql)} div 1000000L)", numeric(12, 0), value)
    return _seconds(value.sql, numeric(12, 6), value)


def _field(sql: str, kind: Type, value: Scalar) -> Scalar:
    return Scalar(f"CAST({sql} AS {kind.spark})", kind, value.nullable)


def _seconds(micros: str, kind: Type, value: Scalar) -> Scalar:
    sql = f"(CAST({micros} AS DECIMAL({kind.digits},0)) * CAST('0.000001' AS DECIMAL(6,6)))"
    return _field(sql, kind, value)


def _at_time_zone(scope: Scope, node: Node) -> Scalar:
    zone = node.args["zone"]
    if not (isinstance(zone, exp.Literal) and str(zone.this).upper() == "UTC"):
        raise Refused(
            "AT TIME ZONE with another zone than 'UTC'",
            "the rules of zones change; keep UTC here and convert where it is shown",
            at=node,
        )
    value = scope.computable(node.this)
    if value.type.kind is Kind.TIMESTAMP_TZ:
        return Scalar(value.sql, TIMESTAMP, value.nullable)
    if value.type.kind is Kind.TIMESTAMP:
        return Scalar(value.sql, TIMESTAMP_TZ, value.nullable)
    raise Refused(f"AT TIME ZONE on {value.type.pg}", "timestamps have zones", at=node)


def as_date(value: Scalar) -> Scalar:
    """An instant's day in UTC."""
    return Scalar(days_of(value.sql), DATE, value.nullable, constant=value.constant)


def as_instant(value: Scalar, kind: Type) -> Scalar:
    """A date's first instant in UTC."""
    return Scalar(micros_of(value.sql), kind, value.nullable, constant=value.constant)


HANDLERS: dict[type[Node], Callable[[Scope, Node], Scalar]] = {
    exp.TimestampTrunc: _truncate,
    exp.DateTrunc: _truncate,
    exp.Extract: _extract,
    exp.AtTimeZone: _at_time_zone,
}
