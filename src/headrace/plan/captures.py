"""Which table lives in which capture: the one decision everything else follows from.

Promise: a live generation that is still right stays where it is. Whatever has to start over (a new table,
a changed shape, a capture that lost rows or never finished, a request) goes together into one new capture,
whose number was never used. Pure: the same world gives the same layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headrace.contract import TableContract, ViewContract
from headrace.names import TableName
from headrace.plan.model import (
    LOG_INCOMPLETE,
    CaptureState,
    SlotStatus,
    Snapshot,
    Status,
    World,
    positions_topic,
)
from headrace.plan.shapes import shape_change


class Phase(StrEnum):
    BUILDING = "building"  # begun now or before, its tables not all live yet
    LIVE = "live"
    DISCARDED = "discarded"  # never became live: goes first
    RETIRED = "retired"  # was live: goes last


@dataclass(frozen=True)
class CaptureLayout:
    """One capture and what it is for.

    Attributes:
        number: its number.
        phase: what becomes of it.
        tables: the tables that have their home here when all is done.
        leaving: tables it carries today that will have no home here.
    """

    number: int
    phase: Phase
    tables: tuple[TableName, ...] = ()
    leaving: tuple[TableName, ...] = ()


@dataclass(frozen=True)
class Move:
    """A table that gets a new generation, or its first one."""

    table: TableName
    old: int | None
    new: int
    reason: str


@dataclass(frozen=True)
class Layout:
    captures: tuple[CaptureLayout, ...]
    moves: tuple[Move, ...]
    dropped: tuple[TableName, ...]

    def home(self, table: TableName) -> int | None:
        return next((c.number for c in self.captures if table in c.tables), None)


def decide(world: World) -> Layout:
    """Give every declared table its home; say what becomes of every capture there is."""
    homes: dict[TableName, int] = {}
    reasons: dict[TableName, str] = {}
    for contract in world.contracts:
        reason = why_not_live(world, contract)
        if reason:
            reasons[contract.table] = reason
            continue
        live = world.live(contract.table)
        assert live is not None
        homes[contract.table] = live.capture
    _continue_begun(world, homes, [c for c in world.contracts if c.table in reasons])
    fresh = [c.table for c in world.contracts if c.table not in homes]
    homes |= dict.fromkeys(fresh, world.next_capture)
    moves = tuple(_move(world, table, homes[table], reason) for table, reason in sorted(reasons.items()))
    declared = {c.table for c in world.contracts}
    served = {s.table for s in world.served if s.status is not Status.RETIRED}
    return Layout(_captures(world, homes), moves, tuple(sorted(served - declared)))


def _move(world: World, table: TableName, new: int, reason: str) -> Move:
    live = world.live(table)
    return Move(table, live.capture if live else None, new, reason)


def why_not_live(world: World, contract: TableContract) -> str | None:
    """Why the live generation of a table cannot stay, None when it can."""
    live = world.live(contract.table)
    if live is None:
        return "not served yet"
    if live.contract is None:
        return "the stored contract of its generation cannot be read"
    if live.contract.shape != contract.shape:
        return shape_change(live.contract, contract)
    if live.capture <= world.resync_above.get(contract.table, 0):
        return "a new generation was asked for"
    capture = world.capture(live.capture)
    if capture is None:
        return f"nothing is left of capture {live.capture}"
    return why_broken(world, capture, contract.table) or why_log_too_short(world, contract.table, capture)


def why_log_too_short(world: World, table: TableName, capture: CaptureState) -> str | None:
    """Why the log of a live table does not do: a view is to be built from it and its beginning is gone."""
    if world.names(capture.number).topic(table) not in world.cut_topics:
        return None
    for view in world.views:
        if view.base == table and why_not_current(world, view, capture.number):
            return f"the view {view.table.table} is to be built and the log has lost its beginning"
    return None


def why_not_current(world: World, view: ViewContract, capture: int) -> str | None:
    """Why the live generation of a view cannot stay, or cannot go on; None when it does.

    Args:
        capture: where the table it reads has its home.
    """
    live = world.live_view(view.table)
    wanted = view.on(capture)
    if live is None:
        return "not served yet"
    if live.contract is None or live.contract.origin is None:
        return "the stored contract of its generation cannot be read"
    if live.contract.origin.shape != view.shape:
        return "its definition changed"
    if live.contract.origin != wanted.origin:
        return f"{view.base} has a new generation"
    if live.contract.shape != wanted.shape:
        return shape_change(live.contract, wanted)
    if live.number <= world.resync_above.get(view.table, 0):
        return "a new generation was asked for"
    if not live.topic:
        return "its topic is gone"
    lost = world.lost_topics.get(world.view_names(live.number).topic(view.table))
    if lost is not None:
        return f"records of its topic are gone ({lost})"
    if live.failed == LOG_INCOMPLETE:
        return "its query had to begin anew, and the beginning of the log is gone"
    if not live.job and world.names(capture).topic(view.base) in world.cut_topics:
        return "its query is gone, and so is the beginning of the log it would begin with"
    return None


def why_broken(world: World, capture: CaptureState, table: TableName) -> str | None:
    """Why rows of a table may have passed a started capture by, None when none can have."""
    number = capture.number
    if capture.slot is SlotStatus.LOST:
        return f"the slot of capture {number} lost its WAL"
    if capture.slot is SlotStatus.ABSENT:
        return f"the slot of capture {number} is gone"
    if positions_topic(world.names(number)) not in capture.topics:
        return f"the positions of capture {number}'s connector are gone"
    if capture.connector is None:
        # Made again it would begin with a snapshot over a slot that is older than it.
        return f"the connector of capture {number} is gone"
    if table not in capture.connector:
        return f"the connector of capture {number} no longer reads it"
    if capture.publication is None or table not in capture.publication:
        return f"the publication of capture {number} no longer publishes it"
    if not capture.publishes_all:
        return f"the publication of capture {number} was made to leave changes out"
    if world.names(number).topic(table) not in capture.topics:
        return f"its topic in capture {number} is gone"
    lost = world.lost_topics.get(world.names(number).topic(table))
    if lost is not None:
        return f"records of its topic in capture {number} are gone ({lost})"
    return None


def _continue_begun(world: World, homes: dict[TableName, int], waiting: list[TableContract]) -> None:
    """Give waiting tables to captures that were begun for them and can still be finished, newest first."""
    for capture in reversed(world.captures):
        open_contracts = [c for c in waiting if c.table not in homes]
        fitting = [c for c in open_contracts if _begun_for(world, capture, c)]
        if not capture.started and (
            len(fitting) != len(open_contracts) or len(fitting) != len(capture.born_with or {})
        ):
            continue  # nothing was read yet: starting anew is as good and leaves no odd table behind
        homes |= {c.table: capture.number for c in fitting}


def _begun_for(world: World, capture: CaptureState, contract: TableContract) -> bool:
    """Whether finishing this capture gives the table the generation it needs."""
    table = contract.table
    live = world.live(table)
    if live is not None and live.capture > capture.number:
        return False  # a generation only ever follows a lower one
    if capture.number <= world.resync_above.get(table, 0):
        return False
    if (capture.born_with or {}).get(table) != contract.shape:
        return False
    generation = world.generation(table, capture.number)
    if generation and (
        generation.status is not Status.BUILDING
        or generation.contract is None
        or generation.contract.shape != contract.shape
    ):
        return False
    if not capture.started:
        return True
    if generation is None or capture.connector is None or capture.snapshot is Snapshot.BROKEN:
        return False
    return why_broken(world, capture, table) is None


def _captures(world: World, homes: dict[TableName, int]) -> tuple[CaptureLayout, ...]:
    numbers = {c.number for c in world.captures} | {s.capture for s in world.served} | set(homes.values())
    return tuple(_capture_layout(world, number, homes) for number in sorted(numbers))


def _capture_layout(world: World, number: int, homes: dict[TableName, int]) -> CaptureLayout:
    tables = tuple(sorted(table for table, home in homes.items() if home == number))
    leaving = tuple(sorted(carried(world, number) - set(tables)))
    generations = [world.generation(table, number) for table in tables]
    if tables:
        all_live = all(g is not None and g.status is Status.LIVE for g in generations)
        phase = Phase.LIVE if all_live else Phase.BUILDING
    else:
        phase = Phase.RETIRED if _was_live(world, number) else Phase.DISCARDED
    return CaptureLayout(number, phase, tables, leaving)


def _was_live(world: World, number: int) -> bool:
    """Somebody may still read one of its generations: a reader, a dashboard, or a view computed from it."""
    live = [s for s in world.view_states if world.live_view(s.view) == s]
    origins = [s.contract.origin for s in live if s.contract is not None]
    computed_from = {origin.capture for origin in origins if origin is not None}
    served = {s.capture for s in world.served if s.status is not Status.BUILDING}
    return number in computed_from | served


def carried(world: World, number: int) -> set[TableName]:
    """Every table of which this capture holds anything that has a table's name on it."""
    found = {s.table for s in world.served if s.capture == number}
    capture = world.capture(number)
    if capture:
        found |= set(capture.connector or ()) | set(capture.publication or ())
    return found
