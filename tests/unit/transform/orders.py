"""The table the compiler's tests read."""

from __future__ import annotations

from headrace.contract import Column, Conversion, Mask, TableContract
from headrace.hops.transform.compile import NO_OPTIONS, Options, compile_sql
from headrace.hops.transform.refusal import ViewRefusal
from headrace.hops.transform.view import CompiledView
from headrace.names import TableName

ORDERS = TableContract(
    TableName("public", "orders"),
    "orders",
    ("id",),
    (
        Column("id", "bigint", Conversion.LONG, nullable=False),
        Column("qty", "integer", Conversion.INT),
        Column("price", "numeric(10,2)", Conversion.DECIMAL, nullable=False),
        Column("country", "character varying(2)", Conversion.TEXT),
        Column("code", "character(3)", Conversion.TEXT),
        Column("placed_at", "timestamp with time zone", Conversion.TIMESTAMP_TZ),
        Column("due", "date", Conversion.DATE),
        Column("weight", "double precision", Conversion.DOUBLE),
        Column("raw", "numeric", Conversion.DECIMAL),
        Column("tags", "text[]", Conversion.JSON_TEXT),
        Column("body", "jsonb", Conversion.TEXT),
        Column("email", "integer", Conversion.TEXT, mask=Mask.HASH),
    ),
    excluded=("notes",),
)


def attempt(
    sql: str, base: TableContract = ORDERS, options: Options = NO_OPTIONS
) -> tuple[CompiledView | None, list[ViewRefusal]]:
    return compile_sql("revenue", sql, {base.table: base}, options)


def compiled(sql: str, base: TableContract = ORDERS, options: Options = NO_OPTIONS) -> CompiledView:
    view, refusals = attempt(sql, base, options)
    assert view is not None, refusals
    return view
