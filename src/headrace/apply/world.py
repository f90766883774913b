"""Looks at all hops at once and makes the plan; changes nothing.

Promise: read-only, and concurrent: it takes as long as the slowest system, twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from headrace.apply.resources import removal_for, resource_for
from headrace.apply.state import State
from headrace.apply.systems import Catalogue, PublicationState, Systems
from headrace.names import CaptureNames, TableName
from headrace.plan.captures import Layout, Phase, decide
from headrace.plan.diff import Reading, make_plan
from headrace.plan.items import Item, Leftover, leftover, needed
from headrace.plan.model import (
    CaptureState,
    Plan,
    ServedState,
    SlotStatus,
    Snapshot,
    Status,
    World,
    digest,
)
from headrace.plan.present import leftover_presented, needed_to_present
from headrace.plan.resource import Resource
from headrace.plan.views import ViewLayout, decide_views, leftover_of_views, needed_of_views

THREADS = 8


@dataclass(frozen=True)
class Survey:
    """One look at everything, and what follows from it.

    Attributes:
        resources: by address, for whatever the plan creates or changes.
        removals: by address, for whatever it deletes.
    """

    world: World
    layout: Layout
    views: ViewLayout
    items: tuple[Item, ...]
    plan: Plan
    resources: Mapping[str, Resource]
    removals: Mapping[str, Resource]
    readings: Mapping[str, Reading]

    def applied(self) -> dict[str, str]:
        """The digest of every desired document, to tell drift from a new wish next time."""
        return {where: digest(reading.desired) for where, reading in self.readings.items()}


def survey(systems: Systems, state: State, catalogue: Catalogue | None = None) -> Survey:
    """Observe, decide, compare.

    Args:
        catalogue: taken as what is declared; None asks the source.

    Raises:
        HeadraceErrors: when a declared table cannot be carried, or a system cannot be reached.
    """
    with ThreadPoolExecutor(THREADS, thread_name_prefix="survey") as pool:
        world = observe(systems, state, pool, catalogue)
        layout = decide(world)
        new = [c for c in layout.captures if c.phase is Phase.BUILDING and not _begun(world, c.number)]
        allowed = pool.submit(systems.allows, max(len(new) - _freed(world, layout), 0)) if new else None
        views = decide_views(world, layout)
        items = needed(world, layout) + needed_of_views(world, views)
        items += needed_to_present(world, layout, views)
        leftovers = leftover(world, layout) + leftover_of_views(world, views) + leftover_presented(world)
        resources = {item.address: resource_for(item, systems, world) for item in items}
        readings = _read(resources, items, pool)
        if allowed is not None:
            allowed.result()
    plan = make_plan(world, layout, views, items, leftovers, readings, state.applied)
    removals = removals_of(leftovers, systems, world)
    return Survey(world, layout, views, items, plan, resources, removals, readings)


def _begun(world: World, number: int) -> bool:
    capture = world.capture(number)
    return capture is not None and capture.started


def _freed(world: World, layout: Layout) -> int:
    """Slots that the same plan drops before it makes any."""
    discarded = {c.number for c in layout.captures if c.phase is Phase.DISCARDED}
    return sum(c.number in discarded and c.slot is not SlotStatus.ABSENT for c in world.captures)


def removals_of(leftovers: Iterable[Leftover], systems: Systems, world: World) -> dict[str, Resource]:
    return {left.address: removal_for(left, systems, world) for left in leftovers}


def _read(
    resources: Mapping[str, Resource], items: tuple[Item, ...], pool: ThreadPoolExecutor
) -> dict[str, Reading]:
    observed = {item.address: pool.submit(resources[item.address].read) for item in items}
    return {where: Reading(resources[where].desired, found.result()) for where, found in observed.items()}


def observe(
    systems: Systems, state: State, pool: ThreadPoolExecutor, catalogue: Catalogue | None = None
) -> World:
    """What there is of a project. With a catalogue given, the source's own is not asked for."""
    inventory = systems.inventory
    asked = pool.submit(inventory.catalogue) if catalogue is None else None
    slots = pool.submit(inventory.slots)
    publications = pool.submit(inventory.publications)
    connectors = pool.submit(inventory.connectors)
    topics = pool.submit(inventory.topics)
    served = pool.submit(inventory.served)
    view_states = pool.submit(systems.views.states)
    found = _captures(
        state, slots.result(), publications.result(), connectors.result(), topics.result(), served.result()
    )
    known = asked.result() if asked is not None else catalogue or Catalogue(())
    numbers = [capture.number for capture in found]
    cut = systems.views.cut_topics(_read_by_views(systems.project, known, served.result()))
    world = World(
        project=systems.project,
        contracts=tuple(sorted(known.contracts, key=lambda c: c.table)),
        captures=tuple(found),
        served=tuple(sorted(served.result(), key=lambda s: (s.table, s.capture))),
        next_capture=max([state.next_capture, *(n + 1 for n in numbers)]),
        resync_above=state.resync_above,
        identities=state.identities,
        sizes_bytes=known.sizes_bytes,
        views=tuple(sorted(known.views, key=lambda v: v.table)),
        view_states=view_states.result(),
        next_view=max([state.next_view, *(s.number + 1 for s in view_states.result())]),
        cut_topics=cut,
        lost_topics=inventory.lost_topics(),
        presents=known.presents,
        presented=not known.presents and systems.presenter.exists(),
        charts_checked=state.charts_checked,
    )
    return _with_snapshots(systems, state, world, pool)


def _read_by_views(project: str, known: Catalogue, served: tuple[ServedState, ...]) -> list[str]:
    """The topics of the tables that have views, in every capture that carries them."""
    bases = {view.base for view in known.views}
    return sorted({CaptureNames(project, s.capture).topic(s.table) for s in served if s.table in bases})


def _captures(
    state: State,
    slots: Mapping[int, SlotStatus],
    publications: Mapping[int, PublicationState],
    connectors: Mapping[int, tuple[TableName, ...]],
    topics: Mapping[int, frozenset[str]],
    served: tuple[ServedState, ...],
) -> list[CaptureState]:
    in_pinot = {s.capture for s in served}
    numbers = set(slots) | set(publications) | set(connectors) | set(topics) | in_pinot | set(state.births)
    found: list[CaptureState] = []
    for number in sorted(numbers):
        publication = publications.get(number)
        found.append(
            CaptureState(
                number=number,
                connector=connectors.get(number),
                slot=slots.get(number, SlotStatus.ABSENT),
                publication=publication.tables if publication else None,
                publishes_all=publication.publishes_all if publication else True,
                topics=topics.get(number, frozenset()),
                born_with=state.shapes(number),
            )
        )
    return found


def _with_snapshots(systems: Systems, state: State, world: World, pool: ThreadPoolExecutor) -> World:
    """Ask how far the snapshots of captures are that have begun and serve nobody yet."""
    asked: dict[int, Future[Snapshot]] = {}
    for capture in world.captures:
        if not capture.started or capture.connector is None:
            continue
        asked[capture.number] = pool.submit(_snapshot, systems, state, world, capture)
    captures = tuple(
        replace(c, snapshot=asked[c.number].result()) if c.number in asked else c for c in world.captures
    )
    return replace(world, captures=captures)


def _snapshot(systems: Systems, state: State, world: World, capture: CaptureState) -> Snapshot:
    if any(s.capture == capture.number and s.status is not Status.BUILDING for s in world.served):
        return Snapshot.PROVEN  # nothing is switched before the proof
    birth = state.births.get(capture.number)
    if birth is None:
        return Snapshot.BROKEN  # what it was begun for is not remembered
    contracts = [c for c in world.contracts if capture.connector and c.table in capture.connector]
    report = systems.flow.snapshot(world.names(capture.number), contracts, birth.consistent_point)
    return report.state
