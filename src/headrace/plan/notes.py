"""What people should know of a plan before it runs: its price and its outcome."""

from __future__ import annotations

from headrace.plan.captures import Layout, Phase
from headrace.plan.model import Action, Kind, Stage, StageKind, World


def notes(world: World, layout: Layout, stages: tuple[Stage, ...]) -> tuple[str, ...]:
    """One sentence each, in the order of the stages they speak of."""
    return (
        *_snapshots(world, layout),
        *_identities(world, stages),
        *_drift(stages),
        *_captures(layout),
        *_dropped(layout, stages),
        *_views(stages),
    )


def _snapshots(world: World, layout: Layout) -> list[str]:
    found: list[str] = []
    for capture in layout.captures:
        state = world.capture(capture.number)
        moving = [m.table for m in layout.moves if m.new == capture.number]
        if capture.phase is not Phase.BUILDING or not moving or (state and state.started):
            continue
        known = [world.sizes_bytes[t] for t in moving if t in world.sizes_bytes]
        size = f" ({readable_bytes(sum(known))})" if len(known) == len(moving) else ""
        tables = "1 table" if len(moving) == 1 else f"{len(moving)} tables"
        found.append(f"Capture {capture.number} reads {tables}{size} in one snapshot.")
        if any(m.old is not None for m in layout.moves if m.new == capture.number):
            found.append("Readers keep the old generation until the new one is complete.")
    return found


def _identities(world: World, stages: tuple[Stage, ...]) -> list[str]:
    found: list[str] = []
    for change in (c for stage in stages for c in stage.changes):
        if change.kind is not Kind.IDENTITY or change.table is None or change.action is Action.DELETE:
            continue
        size = world.sizes_bytes.get(change.table)
        held = f" ({readable_bytes(size)})" if size is not None else ""
        found.append(
            f"REPLICA IDENTITY FULL on {change.table}{held}: every UPDATE and DELETE of a row writes the "
            "whole old row to the WAL."
        )
    return found


def _drift(stages: tuple[Stage, ...]) -> list[str]:
    """Settings on a row's way: changing them back does not mend what was carried under the wrong ones."""
    found = [c for stage in stages for c in stage.changes if c.action is Action.DRIFT]
    if not any(c.kind in (Kind.IDENTITY, Kind.CONNECTOR) for c in found):
        return []
    return [
        "Rows carried while it was changed may be wrong: `headrace verify` tells, `headrace resync` cures."
    ]


def _captures(layout: Layout) -> list[str]:
    staying = [c for c in layout.captures if c.tables]
    building = [c for c in staying if c.phase is Phase.BUILDING]
    if len(staying) < 2 or not building:
        return []
    newest = building[-1].number
    return [
        f"Capture {newest} decodes the WAL once more: {len(staying)} captures each decode it.",
        "`headrace resync --all` merges all captures into one.",
    ]


def _dropped(layout: Layout, stages: tuple[Stage, ...]) -> list[str]:
    if not any(stage.kind is StageKind.RETIRE for stage in stages):
        return []
    return [f"{table} will no longer be served." for table in layout.dropped]


def _views(stages: tuple[Stage, ...]) -> list[str]:
    changes = [c for stage in stages for c in stage.changes if c.kind is Kind.VIEW]
    found = [f"{c.name} will no longer be served." for c in changes if c.action is Action.DELETE]
    if any(c.action is Action.REPLACE for c in changes):
        found.append("A view that is built anew reads the whole log; readers keep the old rows meanwhile.")
    return found


def readable_bytes(size_bytes: int) -> str:
    """`1.2 GB`, decimal units."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
