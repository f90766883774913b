"""A plan for people (80 columns) and for programs (JSON, versioned)."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import cast

from headrace.plan.model import Action, Change, Kind, Plan, Stage, StageKind
from headrace.plan.resource import Document

WIDTH = 80

SYMBOL = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.DRIFT: "!",
    Action.NONE: "=",
}

_WORD = {
    Action.CREATE: "create",
    Action.UPDATE: "change",
    Action.REPLACE: "rebuild",
    Action.DELETE: "remove",
    Action.DRIFT: "change back",
}


def title(stage: Stage) -> str:
    """What a stage does, also shown while it runs."""
    number = stage.capture
    return {
        StageKind.DISCARD: "Discard what never became live",
        StageKind.REPAIR: "Change what is live",
        StageKind.BUILD: f"Build capture {number}",
        StageKind.PROVE: f"Prove the snapshot of capture {number} complete",
        StageKind.CATCH_UP: f"Wait until Pinot has caught up with capture {number}",
        StageKind.SWITCH: f"Switch readers to capture {number}",
        StageKind.BUILD_VIEWS: "Build views",
        StageKind.CATCH_UP_VIEWS: "Wait until the new views show all that is committed",
        StageKind.SWITCH_VIEWS: "Switch readers to the new views",
        StageKind.PRESENT: "Show it in Superset, and check every chart",
        StageKind.RETIRE: "Remove what is no longer needed",
    }[stage.kind]


def summary(plan: Plan) -> str:
    """One line: what the plan comes to."""
    if plan.empty:
        return f"Nothing to do: all {plan.unchanged} objects are as declared."
    counts = Counter(change.action for change in plan.changes)
    parts = [f"{counts[action]} to {word}" for action, word in _WORD.items() if counts[action]]
    if not parts:
        return "Plan: to be finished where the last apply stopped."
    return f"Plan: {', '.join(parts)}."


def text(plan: Plan) -> str:
    """The whole plan, at most 80 columns wide, ending with the summary."""
    lines: list[str] = []
    for position, stage in enumerate(plan.stages, start=1):
        lines.append(f"{position}. {title(stage)}")
        for change in stage.changes:
            lines += _change(change)
        lines.append("")
    for note in plan.notes:
        lines += textwrap.wrap(note, WIDTH, initial_indent="Note: ", subsequent_indent="      ")
    if plan.notes:
        lines.append("")
    lines.append(summary(plan))
    return "\n".join(lines)


def _change(change: Change) -> Iterator[str]:
    reason = f" ({change.reason})" if change.reason else ""
    head = f"  {SYMBOL[change.action]} {change.kind:<11} {change.name}{reason}"
    yield from textwrap.wrap(head, WIDTH, subsequent_indent=" " * 16, break_on_hyphens=False)
    if change.action is Action.CREATE and change.kind not in (Kind.TABLE, Kind.VIEW):
        return
    for line in _values(change.before, change.after):
        yield _clip(f"      {line}")


def _values(before: Document | None, after: Document | None) -> Iterator[str]:
    """`name: old -> new` for each value that differs."""
    old, new = _flat(before), _flat(after)
    if after is None:
        yield from (f"{name}: {_value(value)}" for name, value in old.items())
        return
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"{name}: {_value(new[name])}"
        elif name not in new:
            yield f"{name}: {_value(old[name])} -> (none)"
        elif old[name] != new[name]:
            yield f"{name}: {_value(old[name])} -> {_value(new[name])}"


def _flat(document: Document | None, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in (document or {}).items():
        if isinstance(value, dict):
            flat |= _flat(cast("Document", value), f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _value(value: object) -> str:
    if isinstance(value, str):
        return value or "''"
    return json.dumps(value, default=str)


def _clip(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def as_json(plan: Plan) -> dict[str, object]:
    """The plan as JSON values; what `plan --json` prints and `plan --out` saves."""
    return {
        "version": plan.format_version,
        "project": plan.project,
        "declaration_digest": plan.declaration_digest,
        "world_digest": plan.world_digest,
        "empty": plan.empty,
        "summary": summary(plan),
        "unchanged": plan.unchanged,
        "stages": [_stage_json(stage) for stage in plan.stages],
        "notes": list(plan.notes),
    }


def _stage_json(stage: Stage) -> dict[str, object]:
    return {
        "kind": str(stage.kind),
        "title": title(stage),
        "capture": stage.capture,
        "tables": [str(table) for table in stage.tables],
        "changes": [
            {
                "address": change.address,
                "action": str(change.action),
                "before": change.before,
                "after": change.after,
                "reason": change.reason,
                "table": str(change.table) if change.table else None,
                "capture": change.capture,
                "view": change.view,
            }
            for change in stage.changes
        ],
    }
