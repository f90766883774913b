"""A typed expression and its Spark text, with what must hold for its value to be PostgreSQL's.

The Spark text names columns through marks, so that the same text can be written over the typed columns and,
for the test of a row that cannot be carried, over the values as they stand in the envelope.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.types import INTEGER_MAX, MAX_DIGITS, Kind, Type, numeric

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


@dataclass(frozen=True)
class Scalar:
    """One value.

    Attributes:
        sql: Spark SQL with marked columns, of exactly the type `type.spark`.
        type: PostgreSQL's type.
        nullable: whether NULL can occur.
        bound: of an integer, the largest magnitude its values can have.
        literal: the text of a quoted literal that has no type yet; NULL is an unknown without it.
        constant: the value is the same for every row.
    """

    sql: str
    type: Type
    nullable: bool = True
    bound: int = 0
    literal: str | None = None
    constant: bool = False


@dataclass(frozen=True)
class Guard:
    """When `condition` (marked Spark SQL) is true, the row has no value: `reason` says why."""

    condition: str
    reason: str


@dataclass
class Guards:
    """Gathers what can go wrong row by row; None of it may happen where there is no row to set aside."""

    rows: bool = True
    found: list[Guard] = field(default_factory=list[Guard])
    _path: list[str] = field(default_factory=list[str])

    @contextmanager
    def when(self, *conditions: str) -> Generator[None]:
        """What is added inside counts only where the conditions are true."""
        self._path.extend(conditions)
        try:
            yield
        finally:
            del self._path[len(self._path) - len(conditions) :]

    def add(self, condition: str, reason: str, at: Node) -> None:
        """The row is set aside when `condition` is true."""
        if not self.rows:
            raise Refused(
                f"{reason}: behind an aggregate there is no row to set aside",
                "CAST the aggregates to numeric(p,s) with room for the result",
                at=at,
            )
        guard = Guard(" AND ".join(f"({one})" for one in (*self._path, condition)), reason)
        if guard not in self.found:
            self.found.append(guard)


def marked(column: str) -> str:
    """The column, to be named later."""
    return f"{_OPEN}{column}{_CLOSE}"


def columns_of(sql: str) -> list[str]:
    """The marked columns, each once, in order."""
    return list(dict.fromkeys(_MARK.findall(sql)))


def written(sql: str, name: Callable[[str], str]) -> str:
    """The text with every column named."""
    return _MARK.sub(lambda match: name(match[1]), sql)


def identifier(name: str) -> str:
    """A Spark identifier."""
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """A Spark string literal; what could be read as an escape is written as one."""
    return "'" + "".join(_ESCAPES.get(character, character) for character in value) + "'"


_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    _OPEN: "\\uE000",
    _CLOSE: "\\uE001",
}


def as_decimal(value: Scalar, whole: int, scale: int, at: Node) -> Scalar:
    """An integer or numeric as a numeric with at least its own digits; refused past Spark's 38."""
    if max(1, whole + scale) > MAX_DIGITS:
        raise Refused(
            f"the result may need {whole + scale} digits, and {MAX_DIGITS} are kept exactly",
            "CAST the operands to a smaller numeric(p,s)",
            at=at,
        )
    kind = numeric(whole, scale)
    if value.type.spark == kind.spark:
        return value
    return replace(value, sql=f"CAST({value.sql} AS {kind.spark})", type=kind)


def digits_of(value: Scalar) -> tuple[int, int]:
    """Digits before and after the point that the value can have."""
    if value.type.kind is Kind.NUMERIC:
        return value.type.whole, value.type.scale
    return len(str(value.bound)), 0


def widened(value: Scalar, kind: Type) -> Scalar:
    """An integer in the given integer type."""
    if value.type.spark == kind.spark:
        return value
    return replace(value, sql=f"CAST({value.sql} AS {kind.spark})", type=kind)


def fits(bound: int, kind: Type) -> bool:
    """Whether no value of that magnitude can leave the integer type."""
    return bound <= INTEGER_MAX[kind.pg]
