"""What `headrace verify` says of a source that changed, and which columns it leaves out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.render import Status
from headrace.hops.source.probe import slot_alerts
from headrace.hops.source.slot import Slot
from headrace.hops.source.watch import Change, Finding, PartitionLook, TableLook
from headrace.names import CaptureNames, TableName
from headrace.observe.drift import Drift, drift, known
from headrace.observe.watchers import Remembered, changed

ORDERS = TableName("public", "orders")
COLUMNS = (
    Column("id", "integer", Conversion.INT, False),
    Column("note", "text", Conversion.TEXT),
    Column("price", "numeric(9,2)", Conversion.DECIMAL),
)
CONTRACT = TableContract(ORDERS, "orders", ("id",), COLUMNS)
NAMES = CaptureNames("shop", 1)
LIVE = Generation("shop_orders_1", "orders", NAMES, Status.LIVE, CONTRACT)
TYPES = {"id": (1, "integer", False), "note": (2, "text", False), "price": (3, "numeric(9,2)", False)}
LOOK = TableLook(7, TYPES, ("id",), "f", (NAMES.publication,), {})


def seen(now: TableLook | None, before: TableLook | None = LOOK) -> Drift:
    return drift(LIVE, CONTRACT, before, now, ())


def told(change: Change, detail: str) -> str:
    return f"public.orders has changed: {change} ({detail})"


def test_a_source_as_it_was_has_not_drifted() -> None:
    assert seen(LOOK) == seen(LOOK, None) == Drift()


@pytest.mark.parametrize(
    ("columns", "key", "change", "detail", "left_out", "comparable"),
    [
        ({**TYPES, "extra": (4, "text", False)}, "id", Change.COLUMN_ADDED, "extra text", set(), True),
        ({"id": TYPES["id"], "note": TYPES["note"]}, "id", Change.COLUMN_GONE, "price", {"price"}, True),
        (
            {"id": TYPES["id"], "text": TYPES["note"], "price": TYPES["price"]},
            "id",
            Change.COLUMN_RENAMED,
            "note is now called text",
            {"note"},
            True,
        ),
        (
            {**TYPES, "price": (3, "text", False)},
            "id",
            Change.COLUMN_RETYPED,
            "price: numeric(9,2) became text",
            {"price"},
            True,
        ),
        (
            {**TYPES, "id": (1, "bigint", False)},
            "id",
            Change.COLUMN_RETYPED,
            "id: integer became bigint",
            set(),
            True,
        ),
        (
            {**TYPES, "note": (4, "text", False)},
            "id",
            Change.COLUMN_REPLACED,
            "note was dropped and made again",
            set(),
            True,
        ),
    ],
)
def test_the_columns_that_are_as_they_were_are_compared(
    columns: dict[str, tuple[int, str, bool]],
    key: str,
    change: Change,
    detail: str,
    left_out: set[str],
    comparable: bool,
) -> None:
    found = seen(replace(LOOK, columns=columns, key=(key,)))
    assert found == Drift((told(change, detail),), frozenset(left_out), comparable)


def test_without_its_key_or_itself_a_table_cannot_be_compared() -> None:
    without_key = replace(LOOK, columns={name: TYPES[name] for name in ("note", "price")}, key=())
    assert not seen(without_key).comparable
    assert seen(None) == Drift((told(Change.TABLE_GONE, "it was dropped or renamed"),), frozenset(), False)


def test_a_new_partition_counts_once_the_supervisor_tells_of_it() -> None:
    now = replace(LOOK, partitions={9: PartitionLook(TableName("public", "orders_2"), 9, "d")})
    findings = [
        Finding(ORDERS, Change.IDENTITY_CHANGED, "REPLICA IDENTITY is no longer FULL on public.orders_2"),
        Finding(ORDERS, Change.PARTITION_ATTACHED, "public.orders_2"),
    ]
    alerts = [changed(finding) for finding in findings]
    assert seen(now) == Drift()
    assert drift(LIVE, CONTRACT, LOOK, now, alerts).reasons == tuple(alert.summary for alert in alerts)
    # What the supervisor has not looked at again since the table was built anew.
    assert drift(LIVE, CONTRACT, now, replace(now, partitions=LOOK.partitions), alerts[1:]).reasons == (
        told(Change.PARTITION_GONE, "public.orders_2 was detached or dropped"),
    )


def test_a_lost_slot_is_a_reason() -> None:
    slot = Slot(NAMES.slot, "s", "pgoutput", False, 1, 10, 20, 1000, 500, "lost", None, True, None)
    alerts = slot_alerts([slot], None)
    assert drift(LIVE, CONTRACT, LOOK, LOOK, alerts).reasons == (alerts[0].summary,)
    assert drift(LIVE, None, None, LOOK, alerts).reasons == (alerts[0].summary,)


def test_a_look_counts_for_the_capture_it_was_taken_of() -> None:
    assert known(LIVE, [Remembered(ORDERS, NAMES.publication, LOOK)]) == LOOK
    assert known(LIVE, [Remembered(ORDERS, CaptureNames("shop", 2).publication, LOOK)]) is None
