"""Tables to show."""

from __future__ import annotations

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.present.shown import Presentation, Shown
from headrace.names import TableName

ORDERS = TableContract(
    TableName("public", "orders"),
    "orders",
    ("id",),
    (
        Column("id", "bigint", Conversion.LONG, False),
        Column("customer_id", "bigint", Conversion.LONG),
        Column("status", "order_status", Conversion.TEXT, False),
        Column("country", "text", Conversion.TEXT),
        Column("quantity", "integer", Conversion.INT),
        Column("unit_price", "numeric(12,2)", Conversion.DECIMAL),
        Column("total", "numeric(12,2)", Conversion.DECIMAL),
        Column("weight", "double precision", Conversion.DOUBLE),
        Column("paid", "boolean", Conversion.BOOLEAN),
        Column("due", "date", Conversion.DATE),
        Column("placed_at", "timestamp with time zone", Conversion.TIMESTAMP_TZ),
        Column("photo", "bytea", Conversion.BYTES),
    ),
)
BY_COUNTRY = TableContract(
    TableName("public", "by_country"),
    "by_country",
    ("country",),
    (
        Column("country", "text", Conversion.TEXT),
        Column("lines", "bigint", Conversion.LONG),
        Column("committed_at", "text", Conversion.TEXT),
    ),
)


def presentation(generation: int = 1, project: str = "shop", refresh_seconds: int = 5) -> Presentation:
    return Presentation(
        project=project,
        title="Shop, live",
        refresh_seconds=refresh_seconds,
        shown=(
            Shown("orders", f"{project}_orders_{generation}", ORDERS),
            Shown("by_country", f"{project}_by_country_1", BY_COUNTRY, is_view=True),
        ),
        broker_url="http://127.0.0.1:8099",
        controller_url="http://127.0.0.1:9000",
    )
