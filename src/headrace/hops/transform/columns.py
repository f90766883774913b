"""From a column in the envelope to its typed value in Spark, and when it is no value.

What the envelope holds is read as widely as it can be (numbers as BIGINT or as their text), so that a value
the contract does not foresee is seen and set aside, instead of being read as NULL.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.contract import UNAVAILABLE, Column, Conversion
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Guard, Scalar, identifier, marked, text
from headrace.hops.transform.types import MAX_DIGITS, Kind, Type, type_of

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, in days since 1970-01-01: what Pinot carries."""

_DAY_MICROS = 86_400_000_000
_FIRST_MICROS, _LAST_MICROS = FIRST_DAY * _DAY_MICROS, (LAST_DAY + 1) * _DAY_MICROS - 1
_RANGE = "outside the years 1 to 9999"
_BIG = frozenset({Conversion.INT, Conversion.LONG, Conversion.DATE})
_MICROS = frozenset({Conversion.TIME_MICROS, Conversion.TIMESTAMP_MICROS})


@dataclass(frozen=True)
class SourceColumn:
    """One column of the base table that a view reads.

    Attributes:
        name: its name.
        type: its type; None where a view only identifies rows by it.
        image: the Spark type it is read from the envelope with.
        value: Spark SQL of the typed value over the image, None when the image is that already.
        guards: when the image is no value of the type.
    """

    name: str
    type: Type
    image: str
    value: str | None
    guards: tuple[Guard, ...]
    nullable: bool

    @property
    def raw(self) -> str:
        """The typed value over the image."""
        return self.value or identifier(self.name)

    @property
    def scalar(self) -> Scalar:
        """The column as an expression."""
        largest = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
        bound = largest[self.type.pg] if self.type.kind is Kind.INTEGER else 0
        return Scalar(marked(self.name), self.type, self.nullable, bound)


def source_column(column: Column) -> SourceColumn:
    """How a view reads the column; Refused for a type it cannot even pass on."""
    kind = type_of(column)
    if kind is None:
        raise Refused(f"{column.name} is an array: views do not carry arrays", "leave it out of the view")
    name = identifier(column.name)
    image, value, wrong = _reading(column, kind, name)
    reason = _RANGE if _RANGE in wrong.values() else f"not a value of {kind.pg}"
    guards = [Guard(condition, f"{column.name}: {why or reason}") for condition, why in wrong.items()]
    if not column.nullable:
        guards.append(Guard(f"{name} IS NULL", f"{column.name}: NULL, or missing from the source"))
    if image == "STRING":
        unavailable = "the log does not hold this unchanged value (REPLICA IDENTITY FULL)"
        guards.insert(0, Guard(f"{name} = {text(UNAVAILABLE)}", f"{column.name}: {unavailable}"))
    return SourceColumn(column.name, kind, image, value, tuple(guards), column.nullable)


def _reading(column: Column, kind: Type, name: str) -> tuple[str, str | None, dict[str, str]]:
    """The image's type, the value, and the conditions under which there is none, with a reason or ''."""
    if column.mask is not None:
        return "STRING", None, {}
    conversion = column.conversion
    if conversion in _BIG:
        value = None if kind.spark == "BIGINT" else f"try_cast({name} AS {kind.spark})"
        if kind.kind is Kind.DATE:
            return "BIGINT", value, {f"{name} NOT BETWEEN {FIRST_DAY} AND {LAST_DAY}": _RANGE}
        return "BIGINT", value, {} if value is None else {_lost(name, value): ""}
    if conversion in _MICROS:
        first, last = (_FIRST_MICROS, _LAST_MICROS) if kind.kind is Kind.TIMESTAMP else (0, _DAY_MICROS)
        why = _RANGE if kind.kind is Kind.TIMESTAMP else ""
        return "BIGINT", None, {f"{name} NOT BETWEEN {first}L AND {last}L": why}
    if conversion is Conversion.TIMESTAMP_TZ:
        value = f"unix_micros(try_cast({name} AS TIMESTAMP))"
        outside = f"{value} NOT BETWEEN {_FIRST_MICROS}L AND {_LAST_MICROS}L"
        return "STRING", value, {_lost(name, value): _RANGE, outside: _RANGE}
    if kind.kind is Kind.FLOAT:
        value = f"try_cast({name} AS {kind.spark})"
        infinite = f"isnan({value}) OR abs({value}) = CAST('Infinity' AS {kind.spark})"
        return "STRING", value, {_lost(name, value): "not a finite number", infinite: "not a finite number"}
    if kind.kind is Kind.NUMERIC:
        value = f"try_cast({name} AS {kind.spark})"
        return "STRING", value, {_lost(name, value): "", **_rounded(name, value, kind)}
    if conversion in (Conversion.DECIMAL, Conversion.DECIMAL_TEXT):
        return "STRING", None, {f"{name} IN ('NaN', 'Infinity', '-Infinity')": "not a finite number"}
    return ("BOOLEAN" if conversion is Conversion.BOOLEAN else "STRING"), None, {}


def _lost(name: str, value: str) -> str:
    return f"{name} IS NOT NULL AND {value} IS NULL"


def _rounded(name: str, value: str, kind: Type) -> dict[str, str]:
    """More digits after the point than the contract knows would be rounded away."""
    room = min(6, MAX_DIGITS - kind.digits)
    if not room:
        return {}
    return {f"try_cast({name} AS DECIMAL({kind.digits + room},{kind.scale + room})) <> {value}": ""}


def row_key(columns: list[Column]) -> str:
    """Spark SQL of the base table's key as one text, over the image; equal exactly for equal keys."""
    parts = [_key_text(column) for column in columns]
    return f"to_json(array({', '.join(parts)}))"


def _key_text(column: Column) -> str:
    name = identifier(column.name)
    if column.conversion is Conversion.DECIMAL_TEXT:
        # 1.0 and 1.00 are one key to PostgreSQL.
        bare = f"trim(TRAILING '.' FROM trim(TRAILING '0' FROM {name}))"
        return f"CASE WHEN {name} LIKE '%.%' THEN {bare} ELSE {name} END"
    return name if column.conversion is Conversion.TEXT else f"CAST({name} AS STRING)"
