"""Which generation each view gets, the objects it needs, and the stages that bring it about.

Promise: pure. A view stays where it is as long as its definition, its table's generation and its topic do;
a query that is missing is made again in place, for its results carry versions that do not depend on when they
were computed. Everything else is built aside under a number never used and switched in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headrace.contract import TableContract, ViewContract
from headrace.names import TableName
from headrace.plan.captures import Layout, why_not_current
from headrace.plan.items import Item, Leftover
from headrace.plan.model import Action, Change, Kind, Stage, StageKind, Status, ViewState, World, address
from headrace.plan.resource import Document


@dataclass(frozen=True)
class ViewHome:
    """The generation a view has when all is done.

    Attributes:
        view: its definition.
        capture: the capture whose topic it reads.
        number: of the generation.
        reason: why it is not the live one; None when it is.
    """

    view: ViewContract
    capture: int
    number: int
    reason: str | None = None

    @property
    def contract(self) -> TableContract:
        return self.view.on(self.capture)


@dataclass(frozen=True)
class ViewLayout:
    homes: tuple[ViewHome, ...]
    dropped: tuple[TableName, ...]

    @property
    def moves(self) -> tuple[ViewHome, ...]:
        return tuple(home for home in self.homes if home.reason is not None)


def decide_views(world: World, layout: Layout) -> ViewLayout:
    """Give every declared view its generation."""
    homes: list[ViewHome] = []
    fresh = world.next_view
    for view in world.views:
        capture = layout.home(view.base)
        assert capture is not None, f"{view.base} is not declared"
        reason = why_not_current(world, view, capture)
        live = world.live_view(view.table)
        if reason is None and live is not None:
            homes.append(ViewHome(view, capture, live.number))
            continue
        begun = _begun(world, view, capture)
        if begun is None:
            begun, fresh = fresh, fresh + 1
        homes.append(ViewHome(view, capture, begun, reason))
    declared = {view.table for view in world.views}
    served = {s.view for s in world.view_states if s.status is not None and s.status is not Status.RETIRED}
    return ViewLayout(tuple(homes), tuple(sorted(served - declared)))


def _begun(world: World, view: ViewContract, capture: int) -> int | None:
    """The newest generation that was begun for just this and can be finished."""
    wanted = view.on(capture)
    for state in reversed(world.view_states):
        if (
            state.view == view.table
            and state.status is Status.BUILDING
            and state.topic
            and state.failed is None
            and world.view_names(state.number).topic(view.table) not in world.lost_topics
            and state.number > world.resync_above.get(view.table, 0)
            and state.contract is not None
            and state.contract.origin == wanted.origin
            and state.contract.shape == wanted.shape
        ):
            return state.number
    return None


def needed_of_views(world: World, layout: ViewLayout) -> tuple[Item, ...]:
    """Topic, table and query of every view."""
    return tuple(item for home in layout.homes for item in _of_view(world, home))


def _of_view(world: World, home: ViewHome) -> Iterator[Item]:
    names = world.view_names(home.number)
    stage = StageKind.REPAIR if home.reason is None else StageKind.BUILD_VIEWS
    status = Status.LIVE if home.reason is None else Status.BUILDING
    contract = home.contract
    physical = names.pinot_table(contract.served_name)
    topic, served = address(Kind.TOPIC, names.topic(contract.table)), address(Kind.SERVED, physical)
    reads = world.names(home.capture).topic(home.view.base)
    yield Item(topic, stage, None, (contract,), view=home.number)
    yield Item(served, stage, None, (contract,), status, (topic,), home.number)
    yield Item(
        address(Kind.JOB, physical),
        stage,
        None,
        (contract,),
        None,
        (topic, served, address(Kind.TOPIC, reads)),
        home.number,
        home.view,
        reads,
    )


def leftover_of_views(world: World, layout: ViewLayout) -> tuple[Leftover, ...]:
    """Everything of generations that no view has its home in."""
    kept = {home.number for home in layout.homes}
    return tuple(
        left for state in world.view_states if state.number not in kept for left in _remains(world, state)
    )


def _remains(world: World, state: ViewState) -> Iterator[Leftover]:
    names = world.view_names(state.number)
    stage = StageKind.DISCARD if state.status in (None, Status.BUILDING) else StageKind.RETIRE
    physical = names.pinot_table(state.served_name)
    topic, served = address(Kind.TOPIC, names.topic(state.view)), address(Kind.SERVED, physical)
    if state.topic:
        yield Leftover(topic, stage, None, {}, state.view, view=state.number)
    if state.status is not None:
        before: Document = {"status": state.status}
        yield Leftover(served, stage, None, before, state.view, state.served_name, (topic,), state.number)
    if state.job:
        needs = (topic, served)
        if state.contract is not None and state.contract.origin is not None:
            origin = state.contract.origin
            needs += (address(Kind.TOPIC, world.names(origin.capture).topic(origin.base)),)
        where = address(Kind.JOB, physical)
        yield Leftover(where, stage, None, {}, state.view, state.served_name, needs, state.number)


def view_births(world: World, layout: ViewLayout, build: Stage | None) -> list[Stage]:
    """Build, catch up, switch, for all views that move; none when none does.

    Args:
        build: the stage of the objects that have to be made.
    """
    if not layout.moves:
        return []
    views = tuple(home.view.table for home in layout.moves)
    stages = [] if build is None else [build]
    return [
        *stages,
        Stage(StageKind.CATCH_UP_VIEWS, (), None, views),
        Stage(StageKind.SWITCH_VIEWS, tuple(_switch(world, home) for home in layout.moves), None, views),
    ]


def _switch(world: World, home: ViewHome) -> Change:
    view = home.view.table
    live = world.live_view(view)
    return Change(
        address(Kind.VIEW, view.table),
        Action.CREATE if live is None else Action.REPLACE,
        None if live is None else {"generation": live.number},
        {"generation": home.number},
        home.reason or "",
        view,
        None,
        home.number,
    )


def closed_views(world: World, layout: ViewLayout) -> tuple[Change, ...]:
    """Names of views that no longer mean anything."""
    found: list[Change] = []
    for view in layout.dropped:
        live = world.live_view(view)
        if live is not None:
            before: Mapping[str, object] = {"generation": live.number}
            where = address(Kind.VIEW, view.table)
            found.append(
                Change(where, Action.DELETE, before, None, "no longer declared", view, None, live.number)
            )
    return tuple(found)
