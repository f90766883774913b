"""Desired against observed: the stages of a plan.

Promise: pure and deterministic; a world that is as declared gives a plan without stages. Stages of waiting
(the proof of a snapshot, catching up) are part of the plan, so what is printed is what is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.plan.captures import CaptureLayout, Layout, Phase
from headrace.plan.items import Item, Leftover
from headrace.plan.model import (
    Action,
    Change,
    Kind,
    Plan,
    Snapshot,
    Stage,
    StageKind,
    World,
    address,
    digest,
)
from headrace.plan.notes import notes
from headrace.plan.order import creation_order, removal_order
from headrace.plan.present import dashboard_address, presentation_stage
from headrace.plan.resource import Document
from headrace.plan.views import ViewLayout, closed_views, view_births


@dataclass(frozen=True)
class Reading:
    """What one object should be and what it is."""

    desired: Document
    observed: Document | None


def make_plan(
    world: World,
    layout: Layout,
    views: ViewLayout,
    items: tuple[Item, ...],
    leftovers: tuple[Leftover, ...],
    readings: Mapping[str, Reading],
    applied: Mapping[str, str],
) -> Plan:
    """The plan from a world to what is declared.

    Args:
        world: what is.
        layout, views: which capture each table belongs to, and which generation each view.
        items, leftovers: the objects of the layout, and those that have to go.
        readings: by address, for every item.
        applied: by address, the digest of what the last apply made of it: tells drift from a new wish.
    """
    changed = {i.address: c for i in items if (c := _change(i, readings[i.address], applied)) is not None}
    dashboard = readings.get(dashboard_address(world.project))
    shown = None if dashboard is None else dashboard.desired
    stages = [
        _removal(StageKind.DISCARD, {}, leftovers),
        _creation(StageKind.REPAIR, items, changed, None),
        *(
            stage
            for c in layout.captures
            if c.phase is Phase.BUILDING
            for stage in _birth(layout, c, items, changed)
        ),
        *view_births(world, views, _creation(StageKind.BUILD_VIEWS, items, changed, None)),
        presentation_stage(world, _creation(StageKind.PRESENT, items, changed, None), shown),
        _retirement(world, layout, views, items, changed, leftovers),
    ]
    kept = tuple(stage for stage in stages if stage is not None)
    return Plan(
        project=world.project,
        declaration_digest=digest(
            [c.to_json() for c in world.contracts]
            + [[v.served.to_json(), v.shape, v.job] for v in world.views]
        ),
        world_digest=fingerprint(world, readings),
        stages=kept,
        notes=notes(world, layout, kept),
        unchanged=len(items) - len(changed),
    )


def _change(item: Item, reading: Reading, applied: Mapping[str, str]) -> Change | None:
    if reading.observed is not None and _same(reading.observed, reading.desired):
        return None
    table = item.contracts[0].table if len(item.contracts) == 1 else None
    if reading.observed is None:
        action, reason = Action.CREATE, ""
        if item.address in applied:
            reason = "it was removed by somebody else"
    elif applied.get(item.address) == digest(reading.desired):
        action, reason = Action.DRIFT, "changed by somebody else"
    else:
        action, reason = Action.UPDATE, ""
    observed, desired = reading.observed, reading.desired
    return Change(item.address, action, observed, desired, reason, table, item.capture, item.view)


def _same(left: Document, right: Document) -> bool:
    return digest(left) == digest(right)


def _creation(
    kind: StageKind, items: tuple[Item, ...], changed: Mapping[str, Change], capture: int | None
) -> Stage | None:
    """The changes of one stage in the order of what needs what."""
    here = [i for i in items if i.stage is kind and (capture is None or _belongs(i, capture, items))]
    order = creation_order((i.address, i.needs) for i in here)
    changes = tuple(changed[a] for a in order if a in changed)
    return Stage(kind, changes, capture) if changes else None


def _belongs(item: Item, capture: int, items: tuple[Item, ...]) -> bool:
    if item.capture is not None:
        return item.capture == capture
    return any(i.capture == capture and item.address in i.needs for i in items)


def _birth(
    layout: Layout, capture: CaptureLayout, items: tuple[Item, ...], changed: Mapping[str, Change]
) -> list[Stage | None]:
    """Build, prove, catch up, switch: every step is safe to run again."""
    number = capture.number
    moves = [m for m in layout.moves if m.new == number]
    tables = tuple(m.table for m in moves)
    switches = tuple(
        Change(
            address(Kind.TABLE, m.table),
            Action.CREATE if m.old is None else Action.REPLACE,
            None if m.old is None else {"capture": m.old},
            {"capture": number},
            m.reason,
            m.table,
            number,
        )
        for m in moves
    )
    return [
        _creation(StageKind.BUILD, items, changed, number),
        Stage(StageKind.PROVE, (), number, tables),
        Stage(StageKind.CATCH_UP, (), number, tables),
        Stage(StageKind.SWITCH, switches, number, tables),
    ]


def _removal(
    kind: StageKind, updates: Mapping[str, tuple[Change, tuple[str, ...]]], leftovers: tuple[Leftover, ...]
) -> Stage | None:
    here = {left.address: left for left in leftovers if left.stage is kind}
    needs = [(left.address, left.needs) for left in here.values()]
    needs += [(where, wants) for where, (_, wants) in updates.items()]
    changes: list[Change] = []
    for where in removal_order(needs):
        if where in updates:
            changes.append(updates[where][0])
        else:
            left = here[where]
            changes.append(
                Change(where, Action.DELETE, left.before, None, "", left.table, left.capture, left.view)
            )
    return Stage(kind, tuple(changes)) if changes else None


def _retirement(
    world: World,
    layout: Layout,
    views: ViewLayout,
    items: tuple[Item, ...],
    changed: Mapping[str, Change],
    leftovers: tuple[Leftover, ...],
) -> Stage | None:
    """Names that go, then what shrinks and what goes, the connectors first."""
    going = [left for left in leftovers if left.stage is StageKind.RETIRE]
    updates: dict[str, tuple[Change, tuple[str, ...]]] = {}
    for item in items:
        if item.stage is StageKind.RETIRE and item.address in changed:
            wants = item.needs + tuple(g.address for g in going if _behind(item, g))
            updates[item.address] = (changed[item.address], wants)
    stage = _removal(StageKind.RETIRE, updates, leftovers)
    closed = list(closed_views(world, views))
    for table in layout.dropped:
        live = world.live(table)
        if live is not None:
            before = {"capture": live.capture}
            where = address(Kind.TABLE, table)
            reason = "no longer declared"
            closed.append(Change(where, Action.DELETE, before, None, reason, table, live.capture))
    if not closed:
        return stage
    return Stage(StageKind.RETIRE, (*closed, *(stage.changes if stage else ())))


def _behind(item: Item, left: Leftover) -> bool:
    """A shrinking connector or publication lets go of a table before the table's objects go."""
    if item.kind is Kind.PUBLICATION and left.kind is Kind.IDENTITY:
        return True
    if left.capture != item.capture:
        return False
    return item.kind is Kind.CONNECTOR or left.kind in (Kind.SERVED, Kind.TOPIC)


def fingerprint(world: World, readings: Mapping[str, Reading]) -> str:
    """The digest of everything a plan was decided from; progress of a snapshot is no change."""
    captures = [
        [
            c.number,
            None if c.connector is None else sorted(map(str, c.connector)),
            c.slot,
            None if c.publication is None else sorted(map(str, c.publication)),
            c.publishes_all,
            sorted(c.topics),
            c.snapshot is Snapshot.BROKEN,
            sorted((str(table), shape) for table, shape in (c.born_with or {}).items()),
        ]
        for c in world.captures
    ]
    served = [
        [str(s.table), s.served_name, s.capture, s.status, s.contract and s.contract.to_json()]
        for s in world.served
    ]
    views = [
        [
            s.number,
            str(s.view),
            s.status,
            s.contract and s.contract.to_json(),
            s.topic,
            s.job,
            s.failed,
        ]
        for s in world.view_states
    ]
    observed = {where: reading.observed for where, reading in readings.items()}
    requests = {str(t): n for t, n in world.resync_above.items()}
    identities = {str(t): identity for t, identity in world.identities.items()}
    counters = [world.next_capture, world.next_view]
    return digest(
        [
            *(world.project, captures, served, views, counters),
            *(sorted(world.cut_topics), dict(world.lost_topics), requests, identities, observed),
        ]
    )
