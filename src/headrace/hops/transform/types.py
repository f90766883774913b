"""PostgreSQL's types as the compiler knows them, and the Spark types that hold their values exactly.

Promise: a value of a `Type` stands in Spark in exactly the type `spark` says, and PostgreSQL would print the
type as `pg`. Dates and instants are whole numbers (days, microseconds since 1970, UTC), so no setting of a
session has a part in what is computed from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from headrace.contract import Column, Conversion
from headrace.hops.serve.types import NO_EQUALITY, base_name, fixed_scale

MAX_DIGITS = 38
"""Digits of Spark's widest DECIMAL."""


class Kind(StrEnum):
    """What may be done with a value."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMERIC = "numeric"
    TEXT = "text"
    UUID = "uuid"
    ENUM = "enum"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamptz"
    FLOAT = "float"  # passes through, nothing is computed with it
    OPAQUE = "opaque"  # passes through; may be asked for NULL
    UNKNOWN = "unknown"  # a quoted literal or NULL that takes its type from its neighbours


INTEGER_MAX = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_INTEGER_SPARK = {"smallint": "SMALLINT", "integer": "INT", "bigint": "BIGINT"}
_INSTANTS = frozenset({Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_TEXTS = frozenset({"text", "uuid", "character varying"})


@dataclass(frozen=True)
class Type:
    """One type.

    Attributes:
        kind: what may be done with values of it.
        pg: as `format_type` prints it.
        conversion: how a value of it travels to Pinot.
        whole, scale: of a numeric, the digits before and after the point that its values can have.
        uniform: PostgreSQL prints every value with exactly `scale` digits after the point.
    """

    kind: Kind
    pg: str
    conversion: Conversion
    whole: int = 0
    scale: int = 0
    uniform: bool = True

    @property
    def digits(self) -> int:
        return max(1, self.whole + self.scale)

    @property
    def spark(self) -> str:
        """The Spark type that holds a value."""
        if self.kind is Kind.INTEGER:
            return _INTEGER_SPARK[self.pg]
        if self.kind is Kind.NUMERIC:
            return f"DECIMAL({self.digits},{self.scale})"
        if self.kind is Kind.DATE:
            return "INT"
        if self.kind in _INSTANTS:
            return "BIGINT"
        if self.kind is Kind.FLOAT:
            return "FLOAT" if self.conversion is Conversion.FLOAT else "DOUBLE"
        if self.conversion is Conversion.BOOLEAN:
            return "BOOLEAN"
        return "BIGINT" if self.conversion is Conversion.LONG else "STRING"


BOOLEAN = Type(Kind.BOOLEAN, "boolean", Conversion.BOOLEAN)
SMALLINT = Type(Kind.INTEGER, "smallint", Conversion.INT)
INTEGER = Type(Kind.INTEGER, "integer", Conversion.INT)
BIGINT = Type(Kind.INTEGER, "bigint", Conversion.LONG)
TEXT = Type(Kind.TEXT, "text", Conversion.TEXT)
VARCHAR = Type(Kind.TEXT, "character varying", Conversion.TEXT)
UUID = Type(Kind.UUID, "uuid", Conversion.TEXT)
DATE = Type(Kind.DATE, "date", Conversion.DATE)
TIME = Type(Kind.TIME, "time without time zone", Conversion.TIME_MICROS)
TIMESTAMP = Type(Kind.TIMESTAMP, "timestamp without time zone", Conversion.TIMESTAMP_MICROS)
TIMESTAMP_TZ = Type(Kind.TIMESTAMP_TZ, "timestamp with time zone", Conversion.TIMESTAMP_TZ)
UNKNOWN = Type(Kind.UNKNOWN, "text", Conversion.TEXT)
OPAQUE_NUMERIC = Type(Kind.OPAQUE, "numeric", Conversion.DECIMAL)

_INTEGERS = (SMALLINT, INTEGER, BIGINT)
_BY_CONVERSION = {
    Conversion.BOOLEAN: BOOLEAN,
    Conversion.DATE: DATE,
    Conversion.TIME_MICROS: TIME,
    Conversion.TIMESTAMP_MICROS: TIMESTAMP,
    Conversion.TIMESTAMP_TZ: TIMESTAMP_TZ,
}


def numeric(whole: int, scale: int, *, pg: str = "numeric", uniform: bool = True) -> Type:
    """A numeric of at most so many digits before and after the point."""
    whole = whole if whole + scale > 0 else 1
    return Type(Kind.NUMERIC, pg, Conversion.DECIMAL, whole, scale, uniform)


def type_of(column: Column) -> Type | None:
    """The type of a carried column; None for one that a view cannot even pass on (arrays)."""
    if column.mask is not None:
        return TEXT
    pg = column.pg_type
    conversion = column.conversion
    if conversion is Conversion.JSON_TEXT:
        return None
    if conversion in (Conversion.DECIMAL, Conversion.DECIMAL_TEXT):
        return numeric_type(pg)
    if conversion in (Conversion.INT, Conversion.LONG):
        found = [one for one in _INTEGERS if one.pg == pg]
        return found[0] if found else Type(Kind.OPAQUE, pg, conversion)
    if conversion in (Conversion.FLOAT, Conversion.DOUBLE):
        return Type(Kind.FLOAT, pg, conversion)
    base = base_name(pg)
    if base in NO_EQUALITY:
        return Type(Kind.OPAQUE, pg, conversion)
    if conversion in _BY_CONVERSION:
        return replace(_BY_CONVERSION[conversion], pg=pg)
    if conversion is Conversion.TEXT:
        kind = Kind.UUID if base == "uuid" else Kind.TEXT if base in _TEXTS else Kind.ENUM
        return Type(kind, pg, conversion)
    return Type(Kind.OPAQUE, pg, conversion)


def numeric_type(pg: str) -> Type:
    """numeric(p,s), or an opaque numeric where no digits are declared or too many."""
    scale = fixed_scale(pg)
    if scale is None:
        return replace(OPAQUE_NUMERIC, pg=pg)
    precision = int(pg[len("numeric(") :].split(",")[0])
    if precision > MAX_DIGITS or scale > precision:
        return replace(OPAQUE_NUMERIC, pg=pg)
    return numeric(precision - scale, scale, pg=pg)


def wider(one: Type, other: Type) -> Type:
    """The wider of two integer types."""
    return max(one, other, key=lambda kind: INTEGER_MAX[kind.pg])
