"""Things looked at again and again while the engines run, and what they have to say.

A watcher is written where the knowledge is (a hop); the supervisor calls it. Neither knows the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

SOURCE_CHANGED = "source-"
"""How the codes of alerts about a changed table of the source begin (`source-column-added`)."""


class Severity(StrEnum):
    """`critical`: data are wrong, stale or about to be lost; `warning`: somebody should look."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Alert:
    """One thing that is not as it should be.

    Attributes:
        code: stable, kebab-case, like that of an error (`slot-nearly-lost`).
        summary: one line, no secret and no value of a user's row in it.
        hint: the remedy.
        address: what it is about (`table:public.orders`, `engine:pinot`).
    """

    code: str
    summary: str
    severity: Severity = Severity.WARNING
    hint: str | None = None
    address: str | None = None


class Watcher(Protocol):
    """Promise wanted: `check` ends within some seconds and may act, idempotently, on what it finds."""

    @property
    def name(self) -> str:
        """Unique, for instance `wal-guard`."""
        ...

    @property
    def interval_s(self) -> float:
        """The pause between two checks."""
        ...

    def check(self) -> Sequence[Alert]:
        """Everything wrong now. What was returned last time and is not any more counts as settled.

        May raise: the supervisor turns that into an alert and calls again after the interval.
        """
        ...
