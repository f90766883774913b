"""What is sent for a SELECT and how the answer is read; shared by row queries and aggregations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.hops.serve.dialect import Scalar, mark
from headrace.hops.serve.truth import FALSE, TRUE
from headrace.hops.serve.values import decoder, truth

Row = tuple[object, ...]
Read = Callable[[list[object]], object]

MAX_ROWS = 1_000_000
"""Pinot cuts at 10 rows when no LIMIT is given; here the cut is far away and an error."""


@dataclass(frozen=True)
class OutputColumn:
    """A column of the result: its name and PostgreSQL type."""

    name: str
    pg_type: str


@dataclass(frozen=True)
class Plan:
    """A query ready to be sent.

    Attributes:
        sql: in Pinot's dialect; None when the answer is known without asking.
        columns: of the result.
        read: answer rows (as JSON gave them) -> result rows.
        warnings: what the reader should know of the numbers.
    """

    sql: str | None
    columns: tuple[OutputColumn, ...]
    read: Callable[[list[list[object]]], list[Row]]
    warnings: tuple[str, ...] = ()


@dataclass
class Items:
    """The select list that is sent: each expression once, by position."""

    sqls: list[str] = field(default_factory=list[str])

    def add(self, sql: str) -> int:
        """The position of an expression, added when it is new."""
        if sql not in self.sqls:
            self.sqls.append(sql)
        return self.sqls.index(sql)

    def value(self, scalar: Scalar) -> Read:
        """Reads an expression, None where one of its columns is NULL."""
        if scalar.literal:
            constant = None if scalar.is_null else decoder(scalar.kind)(scalar.sql)
            return lambda row: constant
        place = self.add(scalar.read)
        marks = [self.add(null_mark(name)) for name in sorted(scalar.nulls)]
        read = decoder(scalar.kind, scalar.pg_type)
        if not marks:
            return lambda row: read(row[place])
        return lambda row: None if any(truth(row[mark]) for mark in marks) else read(row[place])


def null_mark(name: str) -> str:
    """The expression that tells whether a column is NULL in a row."""
    return mark(name)


def where_clause(condition: str) -> str:
    """` WHERE ...`, nothing for a condition that always holds."""
    if condition == FALSE:
        raise AssertionError("a query that matches nothing is not sent")
    return "" if condition == TRUE else f" WHERE {condition}"
