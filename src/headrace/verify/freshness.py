"""Freshness: how long after a commit a Pinot query sees it.

Promise: a time counts from the moment the server confirmed the commit to the moment the answer of the first
query that showed it had arrived here, so the query itself is part of it. Nothing is left out: a commit that
is never seen fails the measurement, it does not vanish from the statistics.
"""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from headrace.errors import HeadraceError
from headrace.hops.serve import answer
from headrace.hops.serve.client import PinotClient

NEVER_SEEN_S = 60.0
_ASK_PAUSE_S = 0.002
_ASK_PAUSE_SHARE = 0.02
"""Between two questions, at least; and of the time waited so far: without a pause the questions take the
processors from the row that is on its way. A time is too long by a fiftieth at most."""

_TRANSIENT_PAUSE_S = 0.005
_AWAY_PAUSE_S = 0.05
_NO_ANSWER = frozenset({"pinot-unreachable", "pinot-timeout", "pinot-refused"})
"""No answer is not an answer: the row counts as not yet seen, and the time goes on."""


@dataclass(frozen=True)
class Distribution:
    """Percentiles of times in milliseconds, by nearest rank: each is a time that was measured."""

    n: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float

    @classmethod
    def of(cls, times_ms: Sequence[float]) -> Distribution:
        """The distribution of at least one time."""
        ordered = sorted(times_ms)
        if not ordered:
            raise ValueError("no time was measured")

        def rank(share: float) -> float:
            return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

        mean = sum(ordered) / len(ordered)
        return cls(len(ordered), rank(0.50), rank(0.90), rank(0.99), ordered[-1], mean)

    def as_dict(self) -> dict[str, object]:
        return {"n": self.n, **{k: round(v, 2) for k, v in vars(self).items() if k != "n"}}


def histogram(times_ms: Sequence[float], *, width: int = 40) -> list[str]:
    """A plot for a terminal: one line for each range, ranges twice as wide each time."""
    edges = [0.0, 5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 500, 1000, 2000, 5000, math.inf]
    counts = [sum(low <= t < high for t in times_ms) for low, high in itertools.pairwise(edges)]
    used = [place for place, count in enumerate(counts) if count]
    if not used:
        return []
    most = max(counts)
    lines: list[str] = []
    for place in range(used[0], used[-1] + 1):
        bar = "#" * max(round(width * counts[place] / most), 1 if counts[place] else 0)
        upper = "     more" if math.isinf(edges[place + 1]) else f"< {edges[place + 1]:4.0f} ms"
        lines.append(f"{upper} {counts[place]:>6,} {bar}".rstrip())
    return lines


@dataclass(frozen=True)
class Path:
    """One way a row can take: where its rows become visible.

    Attributes:
        column: what tells its rows apart: the key, or one that is looked up as quickly.
    """

    name: str
    pinot: PinotClient
    physical: str
    column: str = "id"

    def sees(self, value: int) -> bool:
        """Whether a query shows the row now; what passes by itself counts as not yet."""
        sql = f'SELECT COUNT(*) FROM {self.physical} WHERE "{self.column}" = {value}'  # noqa: S608
        try:
            rows = answer.read(self.pinot.query(sql)).rows
        except (answer.Transient, answer.Unserved):
            time.sleep(_TRANSIENT_PAUSE_S)
            return False
        except HeadraceError as error:
            if error.code not in _NO_ANSWER:
                raise
            time.sleep(_AWAY_PAUSE_S)
            return False
        return bool(rows and int(str(rows[0][0])) > 0)

    def wait(self, value: int, committed_at: float, patience_s: float) -> float:
        """Milliseconds from the commit (`time.perf_counter`) until the row was seen."""
        while True:
            seen = self.sees(value)
            now = time.perf_counter()
            if seen:
                return (now - committed_at) * 1000
            if now - committed_at > patience_s:
                raise HeadraceError(
                    "never-seen",
                    f"a committed row was not seen in {self.physical} within {patience_s:.0f} s",
                    hint="see `headrace status` for the hop that stands still",
                )
            time.sleep(max(_ASK_PAUSE_S, _ASK_PAUSE_SHARE * (now - committed_at)))


@dataclass
class Measurement:
    """Times by path, in the order they were measured."""

    times_ms: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def distribution(self, path: str) -> Distribution:
        return Distribution.of(self.times_ms[path])


def warm_up(commit: Callable[[int], None], path: Path, *, first: int, count: int) -> None:
    """Send rows one behind the other, unmeasured, and wait for each.

    A JVM runs code it has seen some hundred times several times faster than at first; what is measured after
    this is a system that has been in use, not one that was just started.
    """
    for value in range(first, first + count):
        commit(value)
        path.wait(value, time.perf_counter(), NEVER_SEEN_S)


def measure(
    commit: Callable[[int], None],
    paths: Sequence[Path],
    *,
    first: int,
    count: int,
    gap_s: tuple[float, float],
    seed: int = 1,
    progress: Callable[[int, int, Measurement], None] = lambda done, count, so_far: None,
    stop: threading.Event | None = None,
    patience_s: float = NEVER_SEEN_S,
) -> Measurement:
    """Commit single rows at random moments and wait for each on all paths at once.

    Args:
        commit: commits a row that the number it is given tells apart; returns when it is committed.
        paths: where to look; several are looked at side by side for the same commit.
        first: the first number; numbers go up from it.
        count: how many rows.
        gap_s: shortest and longest time from one row's end to the next one's commit, drawn evenly.
        stop: ends the measurement early when set.
        patience_s: a row not seen for so long fails the measurement.
    """
    source = random.Random(seed)  # noqa: S311
    result = Measurement({path.name: [] for path in paths})
    for number in range(count):
        gap = source.uniform(*gap_s)
        if stop is not None:
            if stop.wait(gap):
                break
        else:
            time.sleep(gap)
        value = first + number
        commit(value)
        committed_at = time.perf_counter()
        _wait_on_all(paths, value, committed_at, patience_s, result)
        progress(number + 1, count, result)
    return result


def _wait_on_all(
    paths: Sequence[Path],
    value: int,
    committed_at: float,
    patience_s: float,
    result: Measurement,
) -> None:
    """The first path is waited for here, the others in threads; the first failure of any is raised."""
    failures: list[HeadraceError] = []

    def look(path: Path) -> None:
        try:
            result.times_ms[path.name].append(path.wait(value, committed_at, patience_s))
        except HeadraceError as error:
            failures.append(error)

    others = [threading.Thread(target=look, args=(path,), daemon=True) for path in paths[1:]]
    for thread in others:
        thread.start()
    look(paths[0])
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]
