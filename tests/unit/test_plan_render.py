"""Plans as people and programs see them, and the decisions behind them, one world at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.apply.execute import Run
from headrace.apply.progress import ActionDone, PlanChanged, StageBegun, silent
from headrace.apply.systems import Catalogue
from headrace.contract import Mask
from headrace.errors import HeadraceError
from headrace.names import TableName
from headrace.plan.model import Action, Kind, SlotStatus, StageKind
from headrace.plan.render import as_json, summary, text
from headrace.plan.shapes import shape_change
from tests.memory_systems import Memory, contract, memory_systems

ORDERS = TableName("public", "orders")
LINES = TableName("public", "lines")


@pytest.fixture
def memory() -> Memory:
    return Memory(declared={ORDERS: contract("orders"), LINES: contract("lines")})


def _run(memory: Memory, directory: Path, progress=silent) -> Run:
    return Run(memory_systems(memory), directory, progress)


def test_a_first_plan_says_what_it_makes_and_makes_the_connector_last(memory: Memory, tmp_path: Path) -> None:
    plan = _run(memory, tmp_path).survey().plan
    kinds = [stage.kind for stage in plan.stages]
    assert kinds == [StageKind.BUILD, StageKind.PROVE, StageKind.CATCH_UP, StageKind.SWITCH]
    assert plan.stages[0].changes[-1].address == "connector:headrace-shop-1"
    shown = text(plan)
    assert "1. Build capture 1" in shown
    assert "+ connector   headrace-shop-1" in shown
    assert "REPLICA IDENTITY FULL on public.orders" in shown
    assert shown.splitlines()[-1] == summary(plan)
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_after_an_apply_there_is_nothing_to_do(memory: Memory, tmp_path: Path) -> None:
    _run(memory, tmp_path).converge(None)
    plan = _run(memory, tmp_path).survey().plan
    assert plan.empty
    assert summary(plan) == "Nothing to do: all 12 objects are as declared."


def test_a_plan_is_json_with_a_version_and_nothing_else(memory: Memory, tmp_path: Path) -> None:
    document = json.loads(json.dumps(as_json(_run(memory, tmp_path).survey().plan)))
    assert document["version"] == 1
    assert document["stages"][0]["changes"][0]["action"] == "update"
    assert document["stages"][-1]["changes"][0]["after"] == {"capture": 1}


def test_drift_is_told_from_a_new_wish(memory: Memory, tmp_path: Path) -> None:
    _run(memory, tmp_path).converge(None)
    memory.identities[ORDERS] = "default"
    memory.declared[LINES] = replace(memory.declared[LINES], flush_rows=5000)
    plan = _run(memory, tmp_path).survey().plan
    actions = {change.address: change.action for change in plan.changes}
    assert actions == {"identity:public.orders": Action.DRIFT, "pinot:shop_lines_1": Action.UPDATE}
    assert "! identity    public.orders (changed by somebody else)" in text(plan)
    assert "identity: default -> full" in text(plan)
    assert any("headrace verify" in note for note in plan.notes)
    assert [stage.kind for stage in plan.stages] == [StageKind.REPAIR]


def test_a_changed_shape_moves_one_table_and_keeps_readers_on_the_old_one(
    memory: Memory, tmp_path: Path
) -> None:
    _run(memory, tmp_path).converge(None)
    memory.declared[ORDERS] = contract("orders", columns=2)
    plan = _run(memory, tmp_path).survey().plan
    switch = next(stage for stage in plan.stages if stage.kind is StageKind.SWITCH)
    (change,) = switch.changes
    assert (change.action, change.before, change.after) == (Action.REPLACE, {"capture": 1}, {"capture": 2})
    assert change.reason == "column c1 added"
    assert "± table       public.orders (column c1 added)" in text(plan)
    assert "capture: 1 -> 2" in text(plan)
    assert any("decodes the WAL once more" in note for note in plan.notes)
    retire = [change.address for change in plan.stages[-1].changes]
    assert retire.index("connector:headrace-shop-1") < retire.index("publication:headrace_shop_1")
    assert retire.index("publication:headrace_shop_1") < retire.index("topic:shop.1.public.orders")
    assert retire.index("pinot:shop_orders_1") < retire.index("topic:shop.1.public.orders")
    _run(memory, tmp_path).converge(None)
    assert memory.captures[1].tables == (LINES,)
    assert set(memory.pinot) == {"shop_lines_1", "shop_orders_2"}


def test_a_table_that_goes_is_closed_before_its_objects_go(memory: Memory, tmp_path: Path) -> None:
    _run(memory, tmp_path).converge(None)
    del memory.declared[LINES]
    memory.seen.pop(LINES)
    plan = _run(memory, tmp_path).survey().plan
    assert plan.dropped == (LINES,)
    (stage,) = plan.stages
    assert stage.changes[0].address == "table:public.lines"
    assert stage.changes[-1].address == "identity:public.lines"
    _run(memory, tmp_path).converge(None)
    assert memory.identities[LINES] == "default"
    assert memory.identities[ORDERS] == "full"


def test_a_lost_slot_starts_over_and_goes_last(memory: Memory, tmp_path: Path) -> None:
    _run(memory, tmp_path).converge(None)
    memory.captures[1].slot = SlotStatus.LOST
    plan = _run(memory, tmp_path).survey().plan
    assert plan.stages[-1].kind is StageKind.RETIRE
    assert "slot:headrace_shop_1" in [change.address for change in plan.stages[-1].changes]
    _run(memory, tmp_path).converge(None)
    assert {table.state.capture for table in memory.pinot.values()} == {2}


def test_a_broken_snapshot_is_thrown_away_and_said(memory: Memory, tmp_path: Path) -> None:
    memory.break_snapshots = 2
    seen: list[object] = []
    _run(memory, tmp_path, seen.append).converge(None)
    assert [type(event) for event in seen].count(PlanChanged) == 2
    assert {table.state.capture for table in memory.pinot.values()} == {3}
    assert any(isinstance(event, StageBegun) for event in seen)
    assert any(isinstance(event, ActionDone) for event in seen)


def test_a_snapshot_that_always_breaks_is_given_up(memory: Memory, tmp_path: Path) -> None:
    memory.break_snapshots = 1000
    with pytest.raises(HeadraceError) as caught:
        _run(memory, tmp_path).converge(None)
    assert caught.value.code == "not-converged"


def test_a_saved_plan_is_refused_once_the_world_moved(memory: Memory, tmp_path: Path) -> None:
    saved = json.loads(json.dumps(as_json(_run(memory, tmp_path).survey().plan)))
    memory.topics["shop.1.public.orders"] = {"partitions": 1}
    before = memory.effects
    with pytest.raises(HeadraceError) as caught:
        _run(memory, tmp_path).converge(saved)
    assert caught.value.code == "plan-outdated"
    assert memory.effects == before


def test_a_saved_plan_runs_when_nothing_moved(memory: Memory, tmp_path: Path) -> None:
    saved = json.loads(json.dumps(as_json(_run(memory, tmp_path).survey().plan)))
    _run(memory, tmp_path).converge(saved)
    assert _run(memory, tmp_path).survey().plan.empty


def test_asking_again_moves_a_table_once(memory: Memory, tmp_path: Path) -> None:
    run = _run(memory, tmp_path)
    run.converge(None)
    run.ask([ORDERS])
    run.converge(None)
    assert set(memory.pinot) == {"shop_lines_1", "shop_orders_2"}
    _run(memory, tmp_path).converge(None)
    assert set(memory.pinot) == {"shop_lines_1", "shop_orders_2"}
    run = _run(memory, tmp_path)
    run.ask([ORDERS, LINES])
    run.converge(None)
    assert set(memory.pinot) == {"shop_lines_3", "shop_orders_3"}


def test_destroy_leaves_nothing_and_restores_identities(memory: Memory, tmp_path: Path) -> None:
    memory.identities[ORDERS] = "index orders_pkey"
    _run(memory, tmp_path).converge(None)
    memory.seen.clear()
    declared, memory.declared = memory.declared, {}
    Run(memory_systems(memory), tmp_path, silent, Catalogue(())).converge(None)
    assert memory.pinot == {}
    assert memory.topics == {}
    assert memory.identities[ORDERS] == "index orders_pkey"
    assert all(c.connector is None and c.publication is None for c in memory.captures.values())
    memory.declared = declared
    memory.seen.clear()
    _run(memory, tmp_path).converge(None)
    assert {table.state.capture for table in memory.pinot.values()} == {2}, "a number is never used twice"


def test_shape_changes_are_said_in_words() -> None:
    old = contract("orders")
    masked = replace(old.columns[1], mask=Mask.HASH, nullable=False)
    new = replace(old, key=("id", "c0"), partitions=2, columns=(old.columns[0], masked))
    assert shape_change(old, new) == (
        "key (id) -> (id, c0); partitions 1 -> 2; column c0 can no longer be NULL; "
        "column c0 masked: no -> hash"
    )


def test_every_kind_of_change_has_an_address(memory: Memory, tmp_path: Path) -> None:
    plan = _run(memory, tmp_path).survey().plan
    kinds = {change.kind for change in plan.changes}
    assert kinds == {Kind.IDENTITY, Kind.TOPIC, Kind.SERVED, Kind.PUBLICATION, Kind.CONNECTOR, Kind.TABLE}
