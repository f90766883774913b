"""What a view's dashboard shows: no sum of means, and not the key that is made for Pinot."""

from __future__ import annotations

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.present.charts import charts
from headrace.hops.present.roles import sums
from headrace.hops.present.shown import Shown
from headrace.names import TableName

REVENUE = TableContract(
    TableName.of_view("revenue"),
    "revenue",
    ("__key",),
    (
        Column("__key", "text", Conversion.TEXT, False),
        Column("country", "text", Conversion.TEXT),
        Column("orders", "bigint", Conversion.LONG, False),
        Column("revenue", "numeric", Conversion.DECIMAL),
        Column("mean_order", "numeric", Conversion.DECIMAL),
    ),
    versioned=True,
)


def test_means_are_not_added_up() -> None:
    assert [column.name for column in sums(REVENUE)] == ["revenue", "orders"]


def test_the_key_made_for_pinot_is_not_listed() -> None:
    (newest,) = [c for c in charts(Shown("revenue", "shop_revenue_v1", REVENUE, True)) if c.slot == "newest"]
    listed = newest.query["columns"]
    assert isinstance(listed, list)
    assert "__key" not in listed
    assert {"country", "revenue", "mean_order"} < set(listed)
