"""The columns of a table as the catalogue has them, and as a load fills them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

_LENGTH_HEADER = 4
"""PostgreSQL keeps the n of varchar(n) with this added to it."""

_COLUMNS = """
WITH RECURSIVE base(attnum, type, modifier) AS (
    SELECT attnum, atttypid, atttypmod FROM pg_attribute
    WHERE attrelid = %(table)s AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT b.attnum, t.typbasetype, t.typtypmod
    FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd')
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '',
       a.attidentity = 'a',
       a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%%', false),
       t.typcategory = 'S' OR t.typname = ANY (%(with_empty)s) OR EXISTS (
           SELECT FROM pg_enum e WHERE e.enumtypid = t.oid AND e.enumlabel = ''),
       CASE WHEN t.typcategory = 'A' THEN e.typname ELSE t.typname END, b.modifier, t.typcategory = 'A'
FROM base b JOIN pg_attribute a ON a.attrelid = %(table)s AND a.attnum = b.attnum
JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
LEFT JOIN pg_type e ON e.oid = t.typelem
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY a.attnum"""

_WITH_EMPTY = ["bytea", "varbit", "char", "tsvector", "tsquery", "xml", "hstore", "ltree"]
"""Types besides those of texts of which the empty text is a value."""


@dataclass(frozen=True)
class Limit:
    """The n of varchar(n), char(n), bit(n) or varbit(n), of a domain over one, or of an array of one.

    Attributes:
        length: the n.
        exact: whether a value must be as long, as in bit(n), where a shorter one would be filled.
        bits: whether it counts bits, not characters.
        array: whether it holds for elements.
    """

    length: int
    exact: bool
    bits: bool
    array: bool

    @property
    def free(self) -> sql.SQL:
        """The type without the limit; it compares characters without regard to blanks at their end."""
        return sql.SQL(("bit varying" if self.bits else "bpchar") + ("[]" if self.array else ""))

    @property
    def reason(self) -> str:
        """What is the matter with a value that does not fit."""
        if self.exact:
            return f"not of {self.length} bits"
        return f"longer than {self.length}"


@dataclass(frozen=True)
class TargetColumn:
    """A column of the table and the field of the file that fills it.

    Attributes:
        name: the column.
        header: what the file calls it.
        pg_type: as `format_type` prints it, with its modifier.
        not_null: whether NULL is refused.
        takes_empty: whether the empty text is a value of the type; elsewhere it means NULL.
        limit: what its explicit cast would cut silently; None for a type that takes a value whole or not.
    """

    name: str
    header: str
    pg_type: str
    not_null: bool = False
    takes_empty: bool = False
    limit: Limit | None = None

    @property
    def cast(self) -> sql.SQL:
        """The type as a piece of SQL; it comes from the server's own `format_type`."""
        return sql.SQL(cast(LiteralString, self.pg_type))


@dataclass(frozen=True)
class CatalogueColumn:
    """A column as the catalogue has it.

    Attributes:
        name, pg_type, not_null, takes_empty: as in `TargetColumn`.
        generated: whether PostgreSQL computes it.
        always: whether it is an identity column declared ALWAYS.
        numbered: whether PostgreSQL numbers it when a row comes without it.
        element, modifier: the type below domains and arrays, and its modifier.
        array: whether it is an array of them.
    """

    name: str
    pg_type: str
    not_null: bool
    generated: bool
    always: bool
    numbered: bool
    takes_empty: bool
    element: str
    modifier: int
    array: bool

    @property
    def limit(self) -> Limit | None:
        """The length of the type, where it has one."""
        if self.element in ("varchar", "bpchar") and self.modifier > _LENGTH_HEADER:
            return Limit(self.modifier - _LENGTH_HEADER, exact=False, bits=False, array=self.array)
        if self.element in ("bit", "varbit") and self.modifier > 0:
            return Limit(self.modifier, exact=self.element == "bit", bits=True, array=self.array)
        return None

    def filled_by(self, header: str) -> TargetColumn:
        """The column with the field that the file calls `header`."""
        return TargetColumn(self.name, header, self.pg_type, self.not_null, self.takes_empty, self.limit)


def columns_of(connection: Connection, oid: int) -> list[CatalogueColumn]:
    """The columns of a table, in order."""
    found = connection.execute(_COLUMNS, {"table": oid, "with_empty": _WITH_EMPTY}).fetchall()
    return [CatalogueColumn(*row) for row in found]
