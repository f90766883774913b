"""One row, one text: how a row of PostgreSQL and its row in Pinot are brought to the same spelling; pure.

Promise: two rows have equal texts exactly when every carried column has the same value. PostgreSQL does its
part in SQL (COPY writes the text as it stands), Pinot's JSON is brought to it here. What is not compared by
value is a masked column: of it only NULL or not.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from psycopg import sql

from headrace.contract import MICROS_SUFFIX, Column, Conversion, TableContract
from headrace.hops.serve.dialect import mark, quote

NULL = "\\N"
"""COPY's spelling of NULL; a text of these two characters is escaped and so differs."""

_ESCAPED = re.compile(r"[\\\b\f\n\r\t\v]")
_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}

_BITS = 52

Convert = Callable[[object], str]


@dataclass(frozen=True)
class RowText:
    """The texts of a table's rows.

    Attributes:
        contract: the table.
        columns: key columns first, then the others; the order of the fields.
    """

    contract: TableContract
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, contract: TableContract) -> RowText:
        rest = tuple(column for column in contract.columns if column.name not in contract.key)
        return cls(contract, (*(contract.column(name) for name in contract.key), *rest))

    def without(self, names: Container[str]) -> RowText:
        """The texts without some columns."""
        return RowText(self.contract, tuple(column for column in self.columns if column.name not in names))

    @property
    def key_width(self) -> int:
        return len(self.contract.key)

    def source_fields(self) -> sql.Composed:
        """The select list for PostgreSQL."""
        return sql.SQL(", ").join(_source_field(column) for column in self.columns)

    def pinot_fields(self) -> str:
        """The select list for Pinot: a value per column, then numbers whose bits say which are NULL."""
        fields = [_pinot_field(column) for column in self.columns]
        for group in self.nullable:
            fields.append(" + ".join(f"{mark(column.name)} * {1 << bit}" for bit, column in enumerate(group)))
        return ", ".join(fields)

    @property
    def nullable(self) -> tuple[tuple[Column, ...], ...]:
        """The nullable columns by the number that holds their bit, lowest bit first.

        The numbers are doubles in Pinot and hold 52 bits exactly.
        """
        found = tuple(column for column in self.columns if column.nullable)
        return tuple(found[start : start + _BITS] for start in range(0, len(found), _BITS))

    @property
    def width(self) -> int:
        """How many values `pinot_fields` selects."""
        return len(self.columns) + len(self.nullable)

    def converters(self) -> tuple[Convert, ...]:
        """What makes COPY's text of each Pinot value."""
        return tuple(_constant if column.mask else _CONVERTERS[column.conversion] for column in self.columns)

    def source_converters(self) -> dict[int, Callable[[str], str]]:
        """Columns whose text from PostgreSQL still needs a hand: JSON texts, spelled by different writers."""
        return {
            place: _canonical_json_field
            for place, column in enumerate(self.columns)
            if column.conversion is Conversion.JSON_TEXT and not column.mask
        }


def pinot_texts(text: RowText) -> Callable[[Sequence[object]], list[str]]:
    """A function from a Pinot row, as JSON gave it with `parse_float=str`, to the fields of its text."""
    converters = text.converters()
    width = len(converters)
    places = {column.name: place for place, column in enumerate(text.columns)}
    groups = [
        (width + number, [(1 << bit, places[column.name]) for bit, column in enumerate(group)])
        for number, group in enumerate(text.nullable)
    ]

    def fields(row: Sequence[object]) -> list[str]:
        found = [convert(value) for convert, value in zip(converters, row, strict=False)]
        for place, bits in groups:
            value = row[place]
            if value != "0.0":
                _set_nulls(found, int(float(str(value))), bits)
        return found

    return fields


def _set_nulls(fields: list[str], nulls: int, bits: list[tuple[int, int]]) -> None:
    for bit, place in bits:
        if nulls & bit:
            fields[place] = NULL


def key_literals(text: RowText, key: Sequence[str]) -> tuple[str, ...]:
    """The fields of a key as constants that PostgreSQL casts to the columns' types."""
    found: list[str] = []
    for column, field in zip(text.columns, key, strict=False):
        value = unescaped(field) or ""
        if column.conversion is Conversion.DATE:
            value = (date(1970, 1, 1) + timedelta(milliseconds=int(value))).isoformat()
        found.append(value)
    return tuple(found)


def escaped(text: str) -> str:
    """A text as COPY writes it."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text) if _ESCAPED.search(text) else text


def unescaped(field: str) -> str | None:
    """The value of a field of COPY."""
    if field == NULL:
        return None
    letters = {code[1]: letter for letter, code in _ESCAPES.items()}
    return re.sub(r"\\(.)", lambda found: letters.get(found[1], found[1]), field)


def canonical_decimal(text: str) -> str:
    """Without an exponent and without zeros at the end, as `trim_scale(x)::text`."""
    if "E" in text or "e" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _source_field(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.mask:
        return sql.SQL("CASE WHEN {} IS NULL THEN NULL ELSE '*' END").format(name)
    conversion = column.conversion
    if conversion in {Conversion.DECIMAL, Conversion.DECIMAL_TEXT}:
        return sql.SQL("trim_scale({})").format(name)
    if conversion is Conversion.FLOAT:
        return sql.SQL("encode(float4send(({} + 0::real)::real), 'hex')").format(name)
    if conversion is Conversion.DOUBLE:
        return sql.SQL("encode(float8send({} + 0::float8), 'hex')").format(name)
    if conversion is Conversion.BYTES:
        return sql.SQL("encode({}, 'hex')").format(name)
    if conversion is Conversion.DATE:
        return sql.SQL(
            "CASE WHEN isfinite({0}) THEN (({0} - DATE '1970-01-01')::bigint * 86400000)::text "
            "ELSE {0}::text END"
        ).format(name)
    if conversion in {Conversion.TIMESTAMP_MICROS, Conversion.TIMESTAMP_TZ}:
        return sql.SQL(
            "CASE WHEN isfinite({0}) THEN trunc(extract(epoch FROM {0}) * 1000000)::text ELSE {0}::text END"
        ).format(name)
    if conversion is Conversion.JSON_TEXT:
        return sql.SQL("array_to_json({})").format(name)
    if conversion is Conversion.BOOLEAN and column.pg_type.startswith("bit"):
        return sql.SQL("({} = B'1')").format(name)
    return name


def _pinot_field(column: Column) -> str:
    if column.conversion in {Conversion.TIMESTAMP_MICROS, Conversion.TIMESTAMP_TZ}:
        return quote(column.name + MICROS_SUFFIX)
    if column.conversion is Conversion.DATE:
        return f"CAST({quote(column.name)} AS LONG)"
    return quote(column.name)


def _constant(_: object) -> str:
    return "*"


def _boolean(value: object) -> str:
    return "t" if value is True or value in {"true", 1} else "f"


def _decimal(value: object) -> str:
    return canonical_decimal(str(value))


def _single(value: object) -> str:
    return struct.pack(">f", float(str(value)) + 0.0).hex()


def _double(value: object) -> str:
    return struct.pack(">d", float(str(value)) + 0.0).hex()


def _text(value: object) -> str:
    return escaped(str(value))


def _json(value: object) -> str:
    return escaped(_canonical_json(str(value)))


def _canonical_json(text: str) -> str:
    return (
        json.dumps(json.loads(text, parse_float=Decimal), default=str, ensure_ascii=False) if text else text
    )


def _canonical_json_field(field: str) -> str:
    value = unescaped(field)
    return field if value is None else escaped(_canonical_json(value))


_CONVERTERS: dict[Conversion, Convert] = {
    Conversion.BOOLEAN: _boolean,
    Conversion.INT: str,
    Conversion.LONG: str,
    Conversion.FLOAT: _single,
    Conversion.DOUBLE: _double,
    Conversion.DECIMAL: _decimal,
    Conversion.DECIMAL_TEXT: _text,
    Conversion.TEXT: _text,
    Conversion.BYTES: str,
    Conversion.DATE: str,
    Conversion.TIME_MICROS: _text,
    Conversion.TIMESTAMP_MICROS: str,
    Conversion.TIMESTAMP_TZ: str,
    Conversion.JSON_TEXT: _json,
}
