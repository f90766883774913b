"""The lines on stderr while a plan runs: stage, actions, what is waited for."""

from __future__ import annotations

from headrace.apply.progress import ActionDone, Event, PlanChanged, StageBegun, Waiting
from headrace.cli import output
from headrace.plan.render import SYMBOL, title


def show(event: Event) -> None:
    """Print one event of a running plan."""
    match event:
        case StageBegun(stage, position, count):
            output.note(f"[{position}/{count}] {title(stage)}")
        case ActionDone(change, elapsed_s):
            symbol = SYMBOL[change.action]
            output.note(f"  {symbol} {change.kind} {change.name} ({elapsed_s:.1f} s)")
        case Waiting(what, elapsed_s):
            output.note(f"  … {what} ({elapsed_s:.0f} s)")
        case PlanChanged(reason):
            output.warn(reason, "starting over with a new capture; readers keep what they have")
