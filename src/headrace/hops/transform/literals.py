"""Literals: from PostgreSQL's spelling to exact Spark constants; what depends on a setting is refused."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime

from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar, fits, text
from headrace.hops.transform.types import BIGINT, INTEGER, UNKNOWN, Kind, Type, numeric

_NUMBER = re.compile(r"^(?=.*\d)\d*(?:\.(\d*))?$")
_INTEGER = re.compile(r"^[+-]?\d+$")
_DECIMAL = re.compile(r"^[+-]?(?=.*\d)\d*(?:\.\d*)?$")
_INSTANT = re.compile(
    r"^(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[ T](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?P<zone>Z|\+00(?::?00)?)?)?$"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUTH = {"true": True, "t": True, "false": False, "f": False}
_HINT = "write it as PostgreSQL prints the type, for instance '2024-01-31 12:00:00'"


def number(spelled: str, at: Node) -> Scalar:
    """An unquoted number: integer, bigint or numeric, as PostgreSQL reads it."""
    match = _NUMBER.match(spelled)
    if match is None:
        raise Refused(f"the number {spelled[:40]} is written in a form that is not taken", "write its digits")
    if match[1] is None and "." not in spelled:
        value = int(spelled)
        for kind in (INTEGER, BIGINT):
            if fits(value, kind):
                suffix = "L" if kind is BIGINT else ""
                return Scalar(f"{value}{suffix}", kind, False, value, constant=True)
    return _decimal(spelled, at)


def _decimal(spelled: str, at: Node) -> Scalar:
    sign = "-" if spelled.startswith("-") else ""
    whole, _, fraction = spelled.lstrip("+-").partition(".")
    whole = whole.lstrip("0")
    if len(whole) + len(fraction) > 38:
        raise Refused("a number of more than 38 digits", "38 digits are what can be computed exactly", at=at)
    kind = numeric(len(whole), len(fraction))
    digits = f"{sign}{whole or '0'}" + (f".{fraction}" if fraction else "")
    return Scalar(f"CAST('{digits}' AS {kind.spark})", kind, False, constant=True)


def unknown(value: str) -> Scalar:
    """A quoted literal, whose type its neighbours decide."""
    return Scalar(text(value), UNKNOWN, False, literal=value, constant=True)


NULL = Scalar("NULL", UNKNOWN, True, constant=True)


def typed(value: Scalar, kind: Type, at: Node) -> Scalar:
    """The literal or NULL as a value of that type, as PostgreSQL's input function reads it."""
    if value.literal is None:
        return Scalar(f"CAST(NULL AS {kind.spark})", kind, True, constant=True)
    found = _typed(value.literal, kind, at)
    if found is None:
        raise Refused(f"this literal is not taken as {kind.pg}", _HINT, at=at)
    return found


def _typed(spelled: str, kind: Type, at: Node) -> Scalar | None:
    if kind.kind in (Kind.TEXT, Kind.ENUM, Kind.UNKNOWN):
        # The literal is longer than varchar(n) can hold only where PostgreSQL compares it as it is.
        return Scalar(text(spelled), kind, False, constant=True)
    if kind.kind is Kind.UUID:
        try:
            canonical = str(uuid.UUID(spelled))
        except ValueError:
            return None
        return Scalar(text(canonical), kind, False, constant=True) if canonical == spelled.lower() else None
    if kind.kind is Kind.BOOLEAN:
        truth = _TRUTH.get(spelled.lower())
        return None if truth is None else Scalar("true" if truth else "false", kind, False, constant=True)
    if kind.kind is Kind.INTEGER:
        if not _INTEGER.match(spelled) or not fits(abs(int(spelled)), kind):
            return None
        return Scalar(f"CAST({int(spelled)} AS {kind.spark})", kind, False, abs(int(spelled)), constant=True)
    if kind.kind is Kind.NUMERIC:
        return _decimal(spelled, at) if _DECIMAL.match(spelled) else None
    if kind.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return _instant(spelled, kind)
    return None


def _instant(spelled: str, kind: Type) -> Scalar | None:
    match = _INSTANT.match(spelled)
    if match is None:
        return None
    try:
        day = date.fromisoformat(match["date"])
        clock = datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00'}+00:00")
    except ValueError:
        return None
    if kind.kind is Kind.DATE:
        days = (day - _EPOCH.date()).days
        return None if match["time"] else Scalar(f"({days})", kind, False, constant=True)
    if match["zone"] and kind.kind is Kind.TIMESTAMP:
        return None
    elapsed = clock - _EPOCH
    micros = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    return Scalar(f"CAST({micros} AS BIGINT)", kind, False, constant=True)
