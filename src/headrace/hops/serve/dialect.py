"""Scalar expressions: from the user's SQL to Pinot's, with the type and the NULLs of each.

Promise: only what is known to mean the same in Pinot 0.11.0 passes; everything else is `query-unsupported`.
Pinot keeps NULL as a default value beside a bitmap, so every expression says which nullable columns make it
NULL, and whoever uses it asks for those bitmaps (`c IS NULL`, which is right in every kind of segment).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.contract import MICROS_SUFFIX, Column, Conversion, TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve import literals, texts
from headrace.hops.serve.texts import Kept

_OPTION_TEXT = re.compile(r"option\s*\(", re.IGNORECASE)


class Kind(StrEnum):
    """What a value is to the reader."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    TEXT = "text"
    BOOLEAN = "boolean"
    BYTES = "bytes"
    DATE = "date"  # travels as milliseconds
    TIMESTAMP = "timestamp"  # travels as microseconds
    TIMESTAMP_TZ = "timestamptz"  # travels as microseconds
    UNKNOWN = "unknown"


NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE})
INSTANTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})

_KINDS: dict[Conversion, Kind] = {
    Conversion.BOOLEAN: Kind.BOOLEAN,
    Conversion.INT: Kind.INTEGER,
    Conversion.LONG: Kind.INTEGER,
    Conversion.FLOAT: Kind.DOUBLE,
    Conversion.DOUBLE: Kind.DOUBLE,
    Conversion.DECIMAL: Kind.DECIMAL,
    Conversion.DECIMAL_TEXT: Kind.TEXT,
    Conversion.TEXT: Kind.TEXT,
    Conversion.BYTES: Kind.BYTES,
    Conversion.DATE: Kind.DATE,
    Conversion.TIME_MICROS: Kind.TEXT,
    Conversion.TIMESTAMP_MICROS: Kind.TIMESTAMP,
    Conversion.TIMESTAMP_TZ: Kind.TIMESTAMP_TZ,
    Conversion.JSON_TEXT: Kind.TEXT,
}


@dataclass(frozen=True)
class Scalar:
    """One expression in Pinot's words.

    Attributes:
        sql: the text.
        kind: what it is.
        pg_type: the type to show.
        nulls: columns of which any NULL makes it NULL.
        literal: it is a constant; `sql` is then its canonical text without quotes, None for NULL.
        typed: it is a constant that was written with its type, which is `pg_type`.
        opaque_null: it may be NULL in ways `nulls` cannot say; `present` is then an INT expression that is 1
            where it is not.
        column: it is just this column.
        read_sql: how it is selected and grouped, where that differs from how it is compared.
        big: Pinot computes it as BIG_DECIMAL, which WHERE compares only inside CASE.
    """

    sql: str
    kind: Kind
    pg_type: str = ""
    nulls: frozenset[str] = frozenset()
    literal: bool = False
    typed: bool = False
    opaque_null: bool = False
    present: str = "1"
    column: Column | None = None
    read_sql: str = ""
    big: bool = False

    @property
    def read(self) -> str:
        """How it stands in a select list, in GROUP BY and in aggregates."""
        return self.read_sql or self.sql

    @property
    def is_null(self) -> bool:
        return self.literal and self.kind is Kind.UNKNOWN and self.sql == "NULL"


NULL = Scalar("NULL", Kind.UNKNOWN, literal=True)


def unsupported(what: str, hint: str | None = None) -> HeadraceError:
    """The one refusal of this module and its users."""
    return HeadraceError(
        "query-unsupported",
        f"`headrace query` cannot answer {what} exactly",
        hint=hint or "docs/reference/query.md lists what it understands",
    )


def quote(name: str) -> str:
    """An identifier in Pinot's quotes."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal in Pinot's quotes.

    Pinot 0.11 takes `option(` for the old spelling of query options wherever it stands, within a text too:
    such a text is put together from two.
    """
    found = _OPTION_TEXT.search(value)
    if found is None:
        return "'" + value.replace("'", "''") + "'"
    middle = found.start() + 3
    return f"CONCAT({text(value[:middle])}, {text(value[middle:])}, '')"


def present(columns: frozenset[str]) -> str:
    """The condition for WHERE that none of the columns is NULL; empty when there is nothing to ask."""
    return " AND ".join(f"{quote(name)} IS NOT NULL" for name in sorted(columns))


def mark(name: str) -> str:
    """1 where a column is NULL, else 0: a transform of ours (java/pinot, NullMark), Pinot's own is wrong."""
    return f"headraceNull({quote(name)})"


def present_in_case(columns: frozenset[str]) -> str:
    """The same condition for CASE WHEN."""
    return " AND ".join(f"{mark(name)} = 0" for name in sorted(columns))


@dataclass(frozen=True)
class Names:
    """The columns a query may speak of, and what is already known not to be NULL in it."""

    contract: TableContract
    known: frozenset[str] = field(default_factory=frozenset[str])

    def column(self, name: str) -> Scalar:
        """A column as an expression; instants are read from their microseconds."""
        found = self._find(name)
        if found is None:
            return self._system(name)
        kind = _KINDS[found.conversion]
        stored = found.name + MICROS_SUFFIX if kind in INSTANTS else found.name
        nulls = (
            frozenset({found.name}) if found.nullable and found.name not in self.known else frozenset[str]()
        )
        read_sql = f"CAST({quote(stored)} AS LONG)" if kind is Kind.DATE else ""
        big = kind is Kind.DECIMAL
        return Scalar(quote(stored), kind, found.pg_type, nulls, column=found, read_sql=read_sql, big=big)

    def nullable(self, name: str) -> bool:
        found = self._find(name)
        return found is not None and found.nullable

    def _find(self, name: str) -> Column | None:
        for column in self.contract.columns:
            if column.name == name:
                return column
        folded = [column for column in self.contract.columns if column.name.lower() == name.lower()]
        return folded[0] if len(folded) == 1 else None

    def _system(self, name: str) -> Scalar:
        data_type = self.contract.system_columns.get(name)
        if data_type is not None:
            return _system_scalar(name, data_type)
        base = name.removesuffix(MICROS_SUFFIX)
        if base != name and self._find(base) is not None:
            instant = self.column(base)
            if instant.kind in INSTANTS:
                return Scalar(instant.sql, Kind.INTEGER, "bigint", instant.nulls)
        raise HeadraceError(
            "query-column-unknown",
            f"the table `{self.contract.served_name}` has no column `{name}`",
            hint="columns: " + ", ".join(column.name for column in self.contract.columns),
        )


def _system_scalar(name: str, data_type: str) -> Scalar:
    if data_type == "TIMESTAMP":
        return Scalar(f"(CAST({quote(name)} AS LONG) * 1000)", Kind.TIMESTAMP_TZ, "timestamptz")
    return Scalar(quote(name), Kind.TEXT if data_type == "STRING" else Kind.INTEGER, "")


def coerce(constant: Scalar, other: Scalar) -> str:
    """A constant written so that Pinot compares it exactly with `other`."""
    value = constant.sql
    if other.kind in INSTANTS:
        return str(_micros(constant, other))
    if other.kind is Kind.DATE:
        return str(_date_ms(constant))
    if other.kind is Kind.BYTES:
        return text(literals.hexadecimal(value))
    if other.kind is Kind.BOOLEAN:
        return "true" if literals.boolean(value) else "false"
    if other.kind is Kind.DECIMAL:
        return text(literals.number(value))
    if other.kind in NUMBERS:
        return literals.number(value)
    return text(_stored(constant, other))


def _stored(constant: Scalar, other: Scalar) -> str:
    """A constant as the text of an equal value."""
    if other.column is None:
        return constant.sql
    found = texts.canonical(other.column, constant.sql, constant.pg_type if constant.typed else "")
    if found is None:
        raise unsupported(
            f"a comparison of {other.pg_type} with this constant",
            "write it as PostgreSQL prints it, without a cast",
        )
    return found


def comparable(one: Scalar, operator: str, other: Scalar) -> None:
    """Refuses a comparison that the stored texts cannot make as PostgreSQL makes it with the values."""
    for side in (one, other):
        if operator in {"=", "<>"}:
            with_equality(side)
        else:
            with_order(side)
    if other.literal and other.kind is Kind.DOUBLE and one.kind in {Kind.INTEGER, Kind.DECIMAL}:
        raise unsupported(f"a comparison of {one.pg_type} with double precision", "leave the cast out")
    if one.kind is not Kind.TEXT or other.literal:
        return
    if texts.kept(one.column) is not texts.kept(other.column) or (
        texts.kept(one.column) is not Kept.TEXT and one.pg_type != other.pg_type
    ):
        raise unsupported(f"a comparison of {one.pg_type} with {other.pg_type}")


def with_equality(scalar: Scalar) -> None:
    """Refuses a column whose stored text may differ between values that PostgreSQL finds equal."""
    if scalar.kind is Kind.TEXT and texts.kept(scalar.column) is Kept.NOTHING:
        raise unsupported(
            f"a comparison of {scalar.pg_type}", "Pinot keeps its text only: select it, or ask IS NULL"
        )


def with_order(scalar: Scalar) -> None:
    """Refuses a column whose stored texts have another order than the values."""
    with_equality(scalar)
    if scalar.kind is not Kind.TEXT or texts.kept(scalar.column) in {Kept.TEXT, Kept.ORDER}:
        return
    padded = scalar.column is not None and texts.is_padded(scalar.column)
    hint = (
        "trim it: TRIM(c) is a text without the blanks"
        if padded
        else "Pinot keeps its text only: use = or IN"
    )
    raise unsupported(f"an order of {scalar.pg_type}", hint)


def as_text(scalar: Scalar) -> None:
    """Refuses what is no text in PostgreSQL although Pinot keeps it as one."""
    if scalar.kind is Kind.TEXT and texts.kept(scalar.column) is not Kept.TEXT:
        raise unsupported(f"{scalar.pg_type} in the place of a text", "compare or group the column itself")


def _micros(constant: Scalar, other: Scalar) -> int:
    """An instant; a bare number is taken as microseconds. Without a type it is read as `other`'s is."""
    if constant.kind is not Kind.TEXT:
        return int(literals.number(constant.sql))
    return literals.micros(constant.sql, constant.pg_type if constant.typed else other.kind.value)


def _date_ms(constant: Scalar) -> int:
    found = literals.date_ms(constant.sql, constant.pg_type if constant.typed else "date")
    if found is None:
        raise unsupported("a comparison of a date with a time of day", "compare it with DATE 'yyyy-mm-dd'")
    return found


def constant_sql(constant: Scalar) -> str:
    """A constant by its own kind."""
    if constant.kind in NUMBERS:
        return constant.sql
    if constant.kind is Kind.BOOLEAN:
        return constant.sql
    return text(constant.sql)


def literal(node: Node) -> Scalar | None:
    """The constant a node is, None when it is none."""
    if isinstance(node, exp.Paren):
        return literal(node.this)
    if isinstance(node, exp.Null):
        return NULL
    if isinstance(node, exp.Boolean):
        return Scalar("true" if node.this else "false", Kind.BOOLEAN, "boolean", literal=True)
    if isinstance(node, exp.Literal):
        if node.is_string:
            return Scalar(str(node.this), Kind.TEXT, "text", literal=True)
        return _number(str(node.this))
    if isinstance(node, exp.Neg):
        inner = literal(node.this)
        # It keeps the type it was cast to.
        return replace(inner, sql=f"-{inner.sql}") if inner is not None and inner.kind in NUMBERS else None
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        return _cast_literal(node)
    return None


def _number(value: str) -> Scalar:
    whole = re.fullmatch(r"-?\d+", value) is not None
    return Scalar(
        value, Kind.INTEGER if whole else Kind.DECIMAL, "bigint" if whole else "numeric", literal=True
    )


_TEXT_CASTS = {
    exp.DataType.Type.DATE: "date",
    exp.DataType.Type.TIMESTAMP: "timestamp",
    exp.DataType.Type.TIMESTAMPNTZ: "timestamp",
    exp.DataType.Type.TIMESTAMPTZ: "timestamptz",
    exp.DataType.Type.TEXT: "text",
    exp.DataType.Type.VARCHAR: "character varying",
    exp.DataType.Type.UUID: "uuid",
    exp.DataType.Type.TIME: "time",
}


def _fits_real(value: str) -> bool:
    """Whether single precision holds the number as double precision does."""
    try:
        return struct.unpack("f", struct.pack("f", float(value)))[0] == float(value)
    except OverflowError:
        return False


def _cast_literal(node: exp.Cast) -> Scalar | None:
    target = node.to.this
    if node.to.expressions:
        return None  # a length or a precision may change the value
    value = str(node.this.this)
    if target in _TEXT_CASTS:
        return Scalar(value, Kind.TEXT, _TEXT_CASTS[target], literal=True, typed=True)
    if target in literals.NUMBER_TYPES:
        number = _number(literals.number(value))
        if target is exp.DataType.Type.DECIMAL:
            return replace(number, kind=Kind.DECIMAL, pg_type="numeric")
        if target in literals.WHOLE_TYPES:
            return number if number.kind is Kind.INTEGER else None
        narrow = target is exp.DataType.Type.FLOAT and not _fits_real(number.sql)
        return None if narrow else replace(number, kind=Kind.DOUBLE, pg_type="double precision")
    if target is exp.DataType.Type.BOOLEAN:
        return Scalar("true" if literals.boolean(value) else "false", Kind.BOOLEAN, "boolean", literal=True)
    return None
