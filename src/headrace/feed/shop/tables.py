"""The shop's tables, described once: for PostgreSQL, for the REST API, and for who pulls one into the other.

There are no foreign keys: the API's lists are read one after the other while rows come in, so that a line can
arrive before its order does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString, cast

from psycopg import sql

UPDATED_AT = "updated_at"


@dataclass(frozen=True)
class ShopColumn:
    """A column: its name, PostgreSQL's type, and whether it may be NULL."""

    name: str
    type: str
    nullable: bool = False


@dataclass(frozen=True)
class ShopTable:
    """A table: its columns in order, and those of its primary key. Every table ends in `updated_at`."""

    name: str
    columns: tuple[ShopColumn, ...]
    key: tuple[str, ...] = ("id",)

    def create_statement(self) -> sql.Composed:
        """CREATE TABLE IF NOT EXISTS, the same that a pull of the shop's API makes."""
        parts: list[sql.Composable] = [
            sql.SQL("{} {}{}").format(
                sql.Identifier(column.name),
                sql.SQL(cast(LiteralString, column.type)),
                sql.SQL("" if column.nullable else " NOT NULL"),
            )
            for column in self.columns
        ]
        parts.append(sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(map(sql.Identifier, self.key))))
        return sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(
            sql.Identifier(self.name), sql.SQL(", ").join(parts)
        )


def _table(name: str, columns: str, key: tuple[str, ...] = ("id",)) -> ShopTable:
    """A table from `name type, name type?, …`; a question mark allows NULL."""
    found: list[ShopColumn] = []
    for part in columns.split("; "):
        column, _, kind = part.partition(" ")
        found.append(ShopColumn(column, kind.removesuffix("?"), nullable=kind.endswith("?")))
    return ShopTable(name, (*found, ShopColumn(UPDATED_AT, "timestamptz")), key)


SHOP_TABLES: tuple[ShopTable, ...] = (
    _table("customers", "id bigint; name text; email text; country text; created_at timestamptz"),
    _table("products", "id bigint; name text; category text; price numeric(10,2); active boolean"),
    _table(
        "orders",
        "id bigint; customer_id bigint; status text; total numeric(12,2); note text?; placed_at timestamptz",
    ),
    _table(
        "order_lines",
        "order_id bigint; line_no integer; product_id bigint; quantity integer; price numeric(10,2)",
        ("order_id", "line_no"),
    ),
    _table("payments", "id bigint; order_id bigint; method text; amount numeric(12,2); paid_at timestamptz"),
    _table(
        "returns",
        "id bigint; order_id bigint; line_no integer; quantity integer; refund numeric(12,2); reason text;"
        " returned_at timestamptz",
    ),
)
"""In the order to fill them: what is referred to comes first."""

BY_NAME = {table.name: table for table in SHOP_TABLES}
