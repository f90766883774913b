"""The planner and the executor against systems in memory, from any state, killed anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.apply import world
from headrace.apply.execute import Run
from headrace.apply.progress import silent
from headrace.apply.systems import Systems
from headrace.names import TableName, ViewNames
from headrace.plan.model import Kind, SlotStatus, StageKind, Status
from tests.memory_systems import Killed, Memory, contract, memory_systems, view_of

NAMES = ("a", "b", "c", "d")


class AtOnce(Executor):
    """A pool without threads: eight of them for every survey cost more than the survey."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "ThreadPoolExecutor", AtOnce)


def _damages() -> st.SearchStrategy[tuple[str, str, int]]:
    """What people and accidents do between two runs."""
    kinds = [
        "declare", "undeclare", "reshape", "reindex", "rename", "resync", "identity", "publication",
        "slot_lost", "slot_dropped", "connector", "connector_edited", "topic", "positions", "pinot", "state",
        "break", "view", "view_gone", "view_changed", "view_resync", "job", "job_edited", "view_topic",
        "view_table", "cut", "log", "view_log",
    ]  # fmt: skip
    return st.tuples(st.sampled_from(kinds), st.sampled_from(NAMES), st.integers(0, 3))


@contextmanager
def _directory() -> Iterator[Path]:
    memory_disk = Path("/dev/shm")  # where there is one: every step of a run is synced
    place = memory_disk if memory_disk.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="headrace-plan-", dir=place) as name:
        yield Path(name)


def _damage(memory: Memory, directory: Path, kind: str, name: str, number: int) -> None:  # noqa: C901
    table = TableName("public", name)
    declared = memory.declared.get(table)
    live = memory.live(table)
    capture = memory.captures.get(live.state.capture if live else number)
    if kind == "declare":
        memory.declared[table] = declared or contract(name)
    elif kind == "undeclare":
        memory.declared.pop(table, None)
    elif kind == "reshape" and declared:
        memory.declared[table] = contract(name, columns=number + 1)
    elif kind == "reindex" and declared:
        memory.declared[table] = contract(name, columns=len(declared.columns) - 1, flush_rows=number + 1)
    elif kind == "rename" and declared:
        memory.declared[table] = contract(name, served_name=f"{name}_{number}")
    elif kind == "resync":
        Run(memory_systems(memory), directory, silent).ask([table])
    elif kind == "identity":
        memory.identities[table] = "default"
    elif kind == "break":
        memory.break_snapshots = 1
    elif kind in ("view", "view_gone", "view_changed", "view_resync", "cut"):
        _damage_wish(memory, directory, kind, name, number)
    elif kind in ("job", "job_edited", "view_topic", "view_table", "view_log"):
        _damage_view(memory, kind, name)
    elif kind == "state":
        (directory / "state.json").unlink(missing_ok=True)
        memory.gone.clear()
        memory.schemas &= set(memory.pinot) | set(memory.view_tables)
    elif kind == "positions" and live:
        memory.topics.pop(f"{memory.project}.{live.state.capture}.offsets", None)
    elif kind == "topic" and live:
        memory.topics.pop(f"{memory.project}.{live.state.capture}.{table}", None)
        live.lost_rows = True
    elif kind == "log":
        memory.lost |= {topic for topic in memory.topics if topic.endswith(f".{table}")}
        if live:
            live.lost_rows = True
    elif capture is not None:
        _damage_capture(memory, capture, kind, table)
    _forget_damaged(memory)


def _damage_wish(memory: Memory, directory: Path, kind: str, name: str, number: int) -> None:
    view = view_of(name)
    if kind == "view":
        memory.views.setdefault(view.table, view)
    elif kind == "view_gone":
        memory.views.pop(view.table, None)
    elif kind == "view_changed" and view.table in memory.views:
        memory.views[view.table] = view_of(name, shape=str(number), columns=1 + number % 2)
    elif kind == "view_resync":
        Run(memory_systems(memory), directory, silent).ask([view.table])
    elif kind == "cut":
        memory.cut |= {topic for topic in memory.topics if topic.endswith(f".public.{name}")}


def _is_of_view(topic: str, name: str) -> bool:
    """Whether it is the topic of some generation of the view."""
    number, _, rest = topic.split(".", 1)[1].partition(".")
    return number.startswith("v") and rest == view_of(name).table.table


def _damage_view(memory: Memory, kind: str, name: str) -> None:
    live = memory.live_view(view_of(name).table)
    if kind == "view_log":  # of one that is being built, too
        memory.lost |= {topic for topic in memory.topics if _is_of_view(topic, name)}
    if live is None:
        return
    names = ViewNames(memory.project, live.number)
    physical = names.pinot_table(live.view.table)
    if kind == "job":
        memory.jobs.pop(physical, None)
    elif kind == "job_edited" and physical in memory.jobs:
        memory.jobs[physical] = {**memory.jobs[physical], "job": "other"}
    elif kind == "view_topic":
        memory.topics.pop(names.topic(live.view), None)
    elif kind == "view_table":
        del memory.view_tables[physical]
        memory.schemas.discard(physical)


def _damage_capture(memory: Memory, capture, kind: str, table: TableName) -> None:
    if kind == "publication" and capture.publication is not None:
        capture.published = tuple(t for t in capture.published if t != table)
        capture.publication = {"tables": [str(t) for t in capture.published]}
        memory.lose_rows(capture, table)
    elif kind == "slot_lost" and capture.slot is SlotStatus.USABLE:
        capture.slot = SlotStatus.LOST
        memory.lose_rows(capture, None)
    elif kind == "slot_dropped" and capture.connector is None:
        capture.slot = SlotStatus.ABSENT
        memory.lose_rows(capture, None)
    elif kind == "connector":
        capture.connector = None
    elif kind == "connector_edited" and capture.connector is not None:
        capture.connector = {**capture.connector, "paused": True}
    elif kind == "pinot":
        for name in [n for n, found in memory.pinot.items() if found.state.table == table][:1]:
            del memory.pinot[name]
            memory.schemas.discard(name)


def _forget_damaged(memory: Memory) -> None:
    """A generation somebody deleted by hand, or a table they took out, is not held against headrace."""
    for table in list(memory.seen):
        if table not in memory.declared or memory.live(table) is None:
            del memory.seen[table]
    for view in list(memory.seen_views):
        declared = memory.views.get(view)
        if declared is None or declared.base not in memory.declared or memory.live_view(view) is None:
            del memory.seen_views[view]


def _goal_reached(memory: Memory, directory: Path) -> None:
    run = Run(memory_systems(memory), directory, silent)
    assert run.survey().plan.empty
    assert {t for t in memory.declared if memory.live(t)} == set(memory.declared)
    assert {t.state.table for t in memory.pinot.values()} == set(memory.declared)
    assert all(t.state.status is Status.LIVE for t in memory.pinot.values())
    for table, wanted in memory.declared.items():
        live = memory.live(table)
        assert live is not None
        assert live.complete
        assert not live.lost_rows
        assert live.state.contract == wanted
    homes = {t.state.capture for t in memory.pinot.values()}
    begun = {n for n, c in memory.captures.items() if c.connector or c.publication or c.slot != "absent"}
    assert begun == homes
    for number in homes:
        tables = {t.state.table for t in memory.pinot.values() if t.state.capture == number}
        capture = memory.captures[number]
        assert capture.slot is SlotStatus.USABLE
        assert set(capture.published) == set(capture.tables) == tables
        assert all(memory.identities[table] == "full" for table in tables)
    assert memory.schemas == set(memory.pinot) | set(memory.view_tables)
    in_topics = {topic.split(".")[1] for topic in memory.topics}
    assert {int(number) for number in in_topics if number.isdigit()} == homes
    _views_reached(memory)


def _views_reached(memory: Memory) -> None:
    wanted = {v.table: v for v in memory.views.values() if v.base in memory.declared}
    assert {v.view for v in memory.view_tables.values()} == set(wanted)
    assert len(memory.view_tables) == len(wanted)
    assert set(memory.jobs) == set(memory.view_tables)
    for name, found in memory.view_tables.items():
        view, live = wanted[found.view], memory.live(wanted[found.view].base)
        assert live is not None
        assert found.status is Status.LIVE
        assert found.complete
        assert found.contract == view.on(live.state.capture)
        assert memory.computes(name, found)
        assert memory.jobs[name]["job"] == view.job
    topics = {ViewNames(memory.project, v.number).topic(v.view) for v in memory.view_tables.values()}
    assert {topic for topic in memory.topics if topic.split(".")[1].startswith("v")} == topics


def _killed(memory: Memory, directory: Path, kill: int) -> None:
    """A run that is killed after so many effects, if it has so many."""
    memory.kill_after = memory.effects + kill
    with suppress(Killed):
        Run(memory_systems(memory), directory, silent).converge(None)
    memory.kill_after = None


damage_lists = st.lists(_damages(), max_size=6)


@settings(max_examples=400, deadline=None)
@given(first=damage_lists, second=damage_lists, kills=st.lists(st.integers(0, 40), max_size=4))
def test_any_world_reaches_the_goal_even_when_killed_on_the_way(first, second, kills) -> None:
    with _directory() as directory:
        memory = Memory(declared={contract(n).table: contract(n) for n in NAMES[:2]})
        for damages in (first, second):
            for damage in damages:
                _damage(memory, directory, *damage)
            for kill in kills:
                _killed(memory, directory, kill)
            Run(memory_systems(memory), directory, silent).converge(None)
            _goal_reached(memory, directory)


@settings(max_examples=150, deadline=None)
@given(damages=damage_lists, kill=st.integers(0, 60), change=_damages())
def test_the_wish_may_change_in_the_middle(damages, kill, change) -> None:
    with _directory() as directory:
        memory = Memory(declared={contract(n).table: contract(n) for n in NAMES[:3]})
        Run(memory_systems(memory), directory, silent).converge(None)
        for damage in damages:
            _damage(memory, directory, *damage)
        _killed(memory, directory, kill)
        _damage(memory, directory, *change)
        Run(memory_systems(memory), directory, silent).converge(None)
        _goal_reached(memory, directory)


def test_killed_before_every_single_effect() -> None:
    """Not by chance: each of the effects of a first apply, a rebuild and a removal, one after the other."""
    count = 0
    while True:
        with _directory() as directory:
            memory = Memory(declared={contract(n).table: contract(n) for n in NAMES[:2]}, kill_after=count)
            memory.views = {view_of("a").table: view_of("a")}
            finished = _script(memory, directory)
            memory.kill_after = None
            Run(memory_systems(memory), directory, silent).converge(None)
            _goal_reached(memory, directory)
        if finished:
            break
        count += 1
    assert count > 30


def _script(memory: Memory, directory: Path) -> bool:
    steps = [
        lambda: None,
        lambda: memory.declared.update({contract("c").table: contract("c")}),
        lambda: memory.declared.update({contract("a").table: contract("a", columns=3)}),
        lambda: memory.views.update({view_of("c").table: view_of("c")}),
        lambda: memory.views.update({view_of("a").table: view_of("a", shape="2")}),
        lambda: memory.views.pop(view_of("c").table),
        lambda: memory.declared.pop(contract("b").table),
    ]
    try:
        for step in steps:
            step()
            memory.seen = {t: n for t, n in memory.seen.items() if t in memory.declared}
            memory.seen_views = {v: n for v, n in memory.seen_views.items() if v in memory.views}
            Run(memory_systems(memory), directory, silent).converge(None)
    except Killed:
        return False
    return True


def test_a_capture_whose_removal_was_cut_off_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the slot's point was known, so that it is discarded, and again in every place of that."""

    def killed(*_: object) -> None:
        raise Killed("before the point is known")

    def one_slot(memory: Memory) -> Systems:
        def allows(new: int) -> None:
            assert sum(c.slot is not SlotStatus.ABSENT for c in memory.captures.values()) + new <= 1

        return replace(memory_systems(memory), allows=allows)

    for kill in range(12):
        with _directory() as directory:
            memory = Memory(declared={contract(n).table: contract(n) for n in NAMES[:2]})
            with monkeypatch.context() as patched, suppress(Killed):
                patched.setattr(Run, "_prove", killed)
                Run(one_slot(memory), directory, silent).converge(None)
            memory.kill_after = memory.effects + kill
            with suppress(Killed):
                Run(one_slot(memory), directory, silent).converge(None)
            memory.kill_after = None
            Run(one_slot(memory), directory, silent).converge(None)
            _goal_reached(memory, directory)
            assert {t.state.capture for t in memory.pinot.values()} == {2}


def test_a_capture_stays_until_the_views_over_it_are_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in every place of a rebuild, among them between the table's switch and its view's.

    With the pool of threads as it is.
    """
    monkeypatch.setattr(world, "ThreadPoolExecutor", ThreadPoolExecutor)
    for kill in range(40):
        with _directory() as directory:
            memory = Memory(declared={contract("a").table: contract("a")})
            memory.views = {view_of("a").table: view_of("a")}
            Run(memory_systems(memory), directory, silent).converge(None)
            memory.captures[1].slot = SlotStatus.LOST
            memory.lose_rows(memory.captures[1], None)
            _killed(memory, directory, kill)
            plan = Run(memory_systems(memory), directory, silent).survey().plan
            first = [
                c.address for stage in plan.stages if stage.kind is StageKind.DISCARD for c in stage.changes
            ]
            assert "pinot:shop_a_1" not in first  # a dashboard shows it until it is made anew
            Run(memory_systems(memory), directory, silent).converge(None)
            _goal_reached(memory, directory)


def test_a_query_that_had_to_begin_with_a_cut_log_is_built_anew() -> None:
    """Its settings changed, so that it was begun anew; Spark says that it has failed: no plan is empty."""
    with _directory() as directory:
        memory = Memory(declared={contract("a").table: contract("a")})
        memory.views = {view_of("a").table: view_of("a")}
        Run(memory_systems(memory), directory, silent).converge(None)
        memory.cut = {"shop.1.public.a"}
        memory.jobs["shop_a_view_v1"] = {**memory.jobs["shop_a_view_v1"], "job": "other"}
        Run(memory_systems(memory), directory, silent).converge(None)
        _goal_reached(memory, directory)


def test_readers_never_go_back_through_a_switch() -> None:
    """The old generation shows every change at once, the new one what was waited for and no more."""
    with _directory() as directory:
        memory = Memory(declared={contract(n).table: contract(n) for n in NAMES[:2]})
        run = Run(memory_systems(memory), directory, silent)
        run.converge(None)
        table = TableName("public", "a")
        memory.write()
        before = memory.changes[table]
        assert memory.seen[table] == (1, before)
        run.ask([table])
        run.converge(None)
        capture, shown = memory.seen[table]
        assert capture == 2
        assert shown > before
        assert memory.captures[1].published == (TableName("public", "b"),)


@pytest.mark.parametrize("broken", [False, True], ids=["intact", "broken"])
def test_an_old_generation_that_stands_still_is_never_let_go_on(broken: bool) -> None:
    """Killed between the standstill and the switch: rows have passed the old generation by."""
    with _directory() as directory:
        memory = Memory(declared={contract(n).table: contract(n) for n in NAMES[:2]})
        Run(memory_systems(memory), directory, silent).converge(None)
        table = TableName("public", "a")
        Run(memory_systems(memory), directory, silent).ask([table])
        while table in memory.captures[1].published:
            memory.kill_after = memory.effects + 1
            with suppress(Killed):
                Run(memory_systems(memory), directory, silent).converge(None)
        memory.kill_after = None
        live = memory.live(table)
        assert live is not None
        assert live.state.capture == 1
        shown = live.shows
        memory.write()
        assert live.shows == shown
        assert live.lost_rows
        if broken:
            memory.captures[2].slot = SlotStatus.LOST
            memory.lose_rows(memory.captures[2], table)
        plan = Run(memory_systems(memory), directory, silent).survey().plan
        assert not [c for c in plan.changes if c.kind is Kind.PUBLICATION and c.capture == 1]
        Run(memory_systems(memory), directory, silent).converge(None)
        _goal_reached(memory, directory)
        assert memory.seen[table][0] == (3 if broken else 2)


@settings(max_examples=100, deadline=None)
@given(damages=damage_lists)
def test_stages_keep_the_order_of_what_needs_what(damages) -> None:
    with _directory() as directory:
        memory = Memory(declared={contract(n).table: contract(n) for n in NAMES[:2]})
        Run(memory_systems(memory), directory, silent).converge(None)
        for damage in damages:
            _damage(memory, directory, *damage)
        plan = Run(memory_systems(memory), directory, silent).survey().plan
        for stage in plan.stages:
            deleted = [c.kind for c in stage.changes if c.action == "delete"]
            created = [c.kind for c in stage.changes if c.action == "create"]
            if Kind.CONNECTOR in created and not deleted:
                assert created[-1] is Kind.CONNECTOR
            if Kind.SLOT in deleted and Kind.CONNECTOR in deleted:
                assert deleted.index(Kind.CONNECTOR) < deleted.index(Kind.SLOT)
