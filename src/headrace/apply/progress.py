"""What a running plan tells whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from headrace.errors import HeadraceError
from headrace.plan.model import Change, Stage


@dataclass(frozen=True)
class StageBegun:
    stage: Stage
    position: int
    count: int


@dataclass(frozen=True)
class ActionDone:
    change: Change
    elapsed_s: float


@dataclass(frozen=True)
class Waiting:
    """Repeated while something is waited for."""

    what: str
    elapsed_s: float


@dataclass(frozen=True)
class PlanChanged:
    """What was begun could not be finished as planned; the run goes on with a new plan."""

    reason: str


MAX_PAUSE_S = 1.0

AWAY_S = 90.0
"""An engine that died, and that its supervisor starts again, is back by then."""

AWAY_PAUSE_S = 0.5

T = TypeVar("T")

Event = StageBegun | ActionDone | Waiting | PlanChanged
Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """Nobody watches."""


def wait_until(
    done: Callable[[], str | None],
    what: str,
    progress: Progress,
    *,
    timeout_s: float,
    pause_s: float = 0.05,
    report_every_s: float = 1.0,
) -> None:
    """Ask again and again until nothing is missing; an engine that is away for a while is waited for.

    Args:
        done: None when the wait is over, else what is still missing, for people.
        what: what all this is for.
        timeout_s: without any change of what is missing; progress starts it afresh.
        pause_s: between two questions at first; long waits ask less often.

    Raises:
        HeadraceError: `wait-timeout` with what was missing last; what `done` raises (see `once_back`).
    """
    begun = changed = time.monotonic()
    reported = 0.0
    last: str | None = None
    while (missing := once_back(done, what, progress)) is not None:
        now = time.monotonic()
        if missing != last:
            last, changed = missing, now
        if now - changed > timeout_s:
            raise HeadraceError(
                "wait-timeout",
                f"waited {now - begun:.0f} s in vain: {what}",
                cause=missing,
                hint="see `headrace status`; run the same command again and it resumes where it stopped",
            )
        if now - reported >= report_every_s and now - begun >= report_every_s:
            reported = now
            progress(Waiting(f"{what}: {missing}", now - begun))
        time.sleep(min(MAX_PAUSE_S, pause_s + (now - begun) / 50))


def once_back(ask: Callable[[], T], what: str, progress: Progress) -> T:
    """What `ask` returns; as long as an engine does not answer it is asked again.

    Raises:
        HeadraceError: what `ask` raises, of an engine that does not answer only after AWAY_S of that.
    """
    begun = time.monotonic()
    while True:
        try:
            return ask()
        except HeadraceError as error:
            away_s = time.monotonic() - begun
            if away_s > AWAY_S or not error.code.endswith(("-unreachable", "-starting")):
                raise
            progress(Waiting(f"{what}: {error.summary}", away_s))
        time.sleep(AWAY_PAUSE_S)
