"""How the demonstration is told: lines with their time, a table that grows, and the end. 80 columns."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headrace.cli import output

if TYPE_CHECKING:
    from headrace.verify.verdict import TableVerdict

TABLE, VIEW = "table", "view"
"""The two ways a row takes: into the table as it is, and through Spark into a view."""

_TREND = 12
_COLUMNS = "{:>9} {:>9} {:>16} {:>9} {:>9}"


@dataclass
class LiveRun:
    """What happened while rows flowed; times by way, in milliseconds."""

    changes: int = 0
    times_ms: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    killed_for_s: float | None = None


@dataclass
class Story:
    """Tells it on stdout for people; with --json steps go to stderr and the end is one document."""

    json: bool
    _began: float = field(default_factory=time.monotonic)

    def say(self, text: str = "") -> None:
        if not self.json:
            output.answer(text)

    def step(self, text: str, trend: Sequence[float] = ()) -> None:
        """A line with the time; on a terminal in colour, with the trend of the freshness behind it."""
        if self.json:
            output.note(f"{self._clock()}{text}")
        elif sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
            self._in_colour(text, trend)
        else:
            output.answer(f"{self._clock()}{text}")

    def heading(self, views: bool) -> None:
        """The head of the lines of `moment`."""
        if self.json:
            return
        indent = " " * len(self._clock())
        self.say()
        self.say((indent + _COLUMNS.format("changes", "orders", "revenue", "table", VIEW * views)).rstrip())
        self.say((indent + _COLUMNS.format("so far", "", "today", "ms", "ms" * views)).rstrip())

    def moment(
        self, changes: int, orders: int, revenue: object, medians: dict[str, float], trend: Sequence[float]
    ) -> None:
        """How far it is: counts as Pinot answers them, and how long a commit took to be seen lately."""
        fresh = [f"{medians[way]:.0f}" if way in medians else "-" for way in (TABLE, VIEW)]
        today = "-" if revenue is None else f"{revenue:,}"
        self.step(_COLUMNS.format(f"{changes:,}", f"{orders:,}", today, *fresh), trend)

    def verdict(self, verdict: TableVerdict) -> None:
        """One table or view, compared."""
        word = "equal" if verdict.equal else "DIFFERENT"
        kind = ", a view" if verdict.table.is_view else ""
        self.step(f"  {verdict.served_name:<16} {verdict.source_rows:>7,} rows  {word}{kind}")

    def finish(self, run: LiveRun, verdicts: Sequence[TableVerdict]) -> None:
        """The times, and with --json the whole document."""
        from headrace.verify.freshness import Distribution, histogram

        found = {way: Distribution.of(times) for way, times in run.times_ms.items() if times}
        if self.json:
            equal = all(verdict.equal for verdict in verdicts)
            output.answer_json(
                {
                    "ok": equal,
                    "changes": run.changes,
                    "freshness": found[TABLE].as_dict() if TABLE in found else None,
                    "view_freshness": found[VIEW].as_dict() if VIEW in found else None,
                    "pinot_unanswering_s": run.killed_for_s,
                    "verified": [
                        {"name": one.served_name, "rows": one.source_rows, "equal": one.equal}
                        for one in verdicts
                    ],
                    "equal": equal,
                }
            )
            return
        for way, times in run.times_ms.items():
            if way not in found:
                continue
            self.say()
            where = "the table" if way == TABLE else "a view, through Spark"
            self.say(f"From a commit to the query that sees it in {where}, {len(times)} times:")
            for line in histogram(times):
                self.say(f"  {line}")
            self.say(f"  half within {found[way].p50_ms:.0f} ms, 99% within {found[way].p99_ms:.0f} ms")
        if run.killed_for_s is not None:
            self.say(f"  (Pinot was away for {run.killed_for_s:.1f} s after its kill; that is in it)")
        self.say()

    def _clock(self) -> str:
        return f"[{time.monotonic() - self._began:5.1f} s] "

    def _in_colour(self, text: str, trend: Sequence[float]) -> None:
        from rich.console import Console
        from rich.text import Text

        line = Text(self._clock(), style="dim")
        bad = text.startswith("kill") or "DIFFERENT" in text
        good = " equal" in text or "back after" in text
        line.append(text, style="bold red" if bad else "bold green" if good else "")
        if trend:
            line.append(f" {_sparkline(trend[-_TREND:])}", style="cyan")
        Console().print(line, soft_wrap=True)


def _sparkline(values: Sequence[float]) -> str:
    """One block a value, as high as its share of the highest."""
    blocks = "▁▂▃▄▅▆▇█"
    highest = max(values) or 1.0
    return "".join(blocks[min(int(value / highest * 8), 7)] for value in values)
