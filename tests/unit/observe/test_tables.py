"""Which alerts make which generation not exact, and how `headrace status` says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.cli.status import render_tables
from headrace.contract import Column, Conversion, TableContract
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.render import Status
from headrace.hops.source.probe import slot_alerts
from headrace.hops.source.slot import Slot
from headrace.hops.source.watch import Change, Finding
from headrace.names import CaptureNames, TableName
from headrace.observe.tables import TableStatus, alerted
from headrace.observe.watch import Alert
from headrace.observe.watchers import changed

ORDERS = TableName("public", "orders")
CONTRACT = TableContract(ORDERS, "orders", ("id",), (Column("id", "bigint", Conversion.LONG, False),))
LIVE = Generation("shop_orders_1", "orders", CaptureNames("shop", 1), Status.LIVE, CONTRACT)
BUILDING = replace(LIVE, physical="shop_orders_2", names=CaptureNames("shop", 2), status=Status.BUILDING)
SLOT = Slot(
    "headrace_shop_1", "s", "pgoutput", False, 1, 10, 20, 1000, 500, "lost", None, True, "wal_removed"
)


@pytest.mark.parametrize("change", Change)
def test_every_change_at_the_source_is_a_reason(change: Change) -> None:
    alert = changed(Finding(ORDERS, change, "extra text"))
    assert alerted(LIVE, [alert]) == (f"public.orders has changed: {change} (extra text)",)
    assert alerted(BUILDING, [alert]) == ()
    other = replace(LIVE, contract=replace(CONTRACT, table=TableName("public", "orders2")))
    assert alerted(other, [alert]) == ()


def test_a_lost_slot_is_a_reason_for_the_tables_of_its_capture() -> None:
    alerts = slot_alerts([SLOT], None)
    assert len(alerted(LIVE, alerts)) == 1
    assert alerted(BUILDING, alerts) == ()
    assert alerted(replace(LIVE, names=CaptureNames("shop", 11)), alerts) == ()


def test_other_alerts_are_no_reason() -> None:
    idle = slot_alerts([replace(SLOT, lost=False, wal_status="reserved")], None)
    assert [alert.code for alert in idle] == ["slot-inactive"]
    engine = Alert("engine-failed", "pinot failed", address="table:public.orders")
    assert alerted(LIVE, [*idle, engine]) == ()


def test_a_reason_stands_in_the_table_and_below() -> None:
    known = TableStatus("orders", "public.orders", "1", "live", 0, 5, 7)
    assert known.exact
    assert render_tables([known]).splitlines()[1].split()[-1] == "yes"
    told = replace(known, inexact=("its slot is lost",))
    _, line, reason = render_tables([told]).splitlines()
    assert line.split()[-1] == "NO"
    assert reason == "! orders is not exact: its slot is lost"
    assert replace(told, problem="Pinot does not answer").exact is False
    assert replace(known, problem="Pinot does not answer").exact is None
