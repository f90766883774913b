"""Freshness of every transaction under a steady load.

Promise: the load keeps to the clock, whatever the answers do. The last change of every transaction is a new
row; the first query that shows it tells when all of the transaction became visible. Transactions that were
committed but not yet seen at the end are waited for: none is left out.
"""

from __future__ import annotations

import bisect
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.errors import HeadraceError
from headrace.hops.serve import answer
from headrace.verify.bench_tables import Connection, commit_batch
from headrace.verify.freshness import NEVER_SEEN_S, Path

CHANGES_PER_TRANSACTION = 20
_INSERTS = CHANGES_PER_TRANSACTION // 2
_ASK_PAUSE_S = 0.01
"""Without a pause the observer is a load of its own, and so it is if it asks for anything but keys."""
_LOOK_AHEAD = 100
"""Transactions that a question asks for."""
_UPDATE_SPAN = 20_000
"""Updates go to the rows of the last few seconds up to minutes: in the consuming segment and before it."""


@dataclass
class Load:
    """A steady stream of transactions, half inserts and half updates.

    `committed_at[n]` is when transaction n+1 was committed (`time.perf_counter`).
    """

    changes_per_s: float
    duration_s: float
    first_id: int
    committed_at: list[float] = field(default_factory=list[float])
    late_ms: float = 0.0
    finished: bool = False
    failure: BaseException | None = None

    def run(self, connection: Connection) -> None:
        """Commit until the time is over; a failure is kept for whoever waits."""
        source = random.Random(1)  # noqa: S311
        next_id, began = self.first_id, time.perf_counter()
        try:
            for number in range(int(self.changes_per_s * self.duration_s / CHANGES_PER_TRANSACTION)):
                due = began + number * CHANGES_PER_TRANSACTION / self.changes_per_s
                time.sleep(max(0.0, due - time.perf_counter()))
                span = min(_UPDATE_SPAN, next_id - self.first_id)
                start = next_id - source.randint(min(_INSERTS, span), span) if span else next_id
                updates = range(start, min(start + _INSERTS, next_id))
                commit_batch(connection, updates=updates, first=next_id, inserts=_INSERTS)
                self.committed_at.append(time.perf_counter())
                self.late_ms = max(self.late_ms, (time.perf_counter() - due) * 1000)
                next_id += _INSERTS
        except Exception as error:  # kept for whoever waits
            self.failure = error
        finally:
            self.finished = True

    def last_id(self, number: int) -> int:
        """The row that the transaction of this number, from 0 on, ends with."""
        return self.first_id + (number + 1) * _INSERTS - 1


@dataclass(frozen=True)
class SustainedResult:
    """Times by transaction, in commit order.

    `queries`, `late_ms` and `segment_commits` are of the whole run, the warming up included.
    """

    times_ms: list[float]
    changes: int
    elapsed_s: float
    queries: int
    late_ms: float
    segment_commits: int

    @property
    def changes_per_s(self) -> float:
        return self.changes / self.elapsed_s


def sustain(
    connection: Connection,
    path: Path,
    *,
    changes_per_s: float,
    duration_s: float,
    first_id: int,
    warm_up_s: float = 0.0,
    progress: Callable[[float, list[float]], None] = lambda elapsed_s, times_ms: None,
) -> SustainedResult:
    """Run the load in a thread of its own and watch it through Pinot until all of it was seen.

    Args:
        warm_up_s: how long the same load runs before; transactions of that time are in no result.
        progress: told the seconds since the load began.
    """
    load = Load(changes_per_s, warm_up_s + duration_s, first_id)
    before = committed_segments(path)
    worker = threading.Thread(target=load.run, args=(connection,), daemon=True)
    began = time.perf_counter()
    worker.start()
    times_ms: list[float] = []
    queries, advanced_at = 0, began
    while not (load.finished and len(times_ms) >= len(load.committed_at)):
        asked_at = time.perf_counter()
        seen = _seen(path, load, len(times_ms))
        now, queries = time.perf_counter(), queries + 1
        if seen > len(times_ms):
            # Seen before the commit's own answer came back: it counts from there on.
            times_ms += [max(0.0, now - at) * 1000 for at in _commits(load, len(times_ms), seen)]
            advanced_at = now
        elif bisect.bisect_left(load.committed_at, asked_at) <= len(times_ms):
            advanced_at = now
        if now - advanced_at > NEVER_SEEN_S:
            raise HeadraceError(
                "never-seen",
                f"committed changes were not seen within {NEVER_SEEN_S:.0f} s",
                hint="see `headrace status` for the hop that stands still",
            )
        progress(now - began, times_ms)
        time.sleep(_ASK_PAUSE_S)
    worker.join()
    if load.failure is not None:
        raise load.failure
    warm = bisect.bisect_left(load.committed_at, began + warm_up_s)
    measured_ms = times_ms[warm:]
    return SustainedResult(
        times_ms=measured_ms,
        changes=len(measured_ms) * CHANGES_PER_TRANSACTION,
        elapsed_s=load.committed_at[-1] - began - warm_up_s,
        queries=queries,
        late_ms=load.late_ms,
        segment_commits=committed_segments(path) - before,
    )


def committed_segments(path: Path) -> int:
    """Segments of the table that are no longer consuming."""
    return sum("ONLINE" in states.values() for states in path.pinot.external_view(path.physical).values())


def _commits(load: Load, known: int, seen: int) -> list[float]:
    """Commit times of the transactions up to `seen`, waiting for one whose commit is just being answered."""
    while len(load.committed_at) < seen and not load.finished:
        time.sleep(0.0005)
    return load.committed_at[known:seen]


def _seen(path: Path, load: Load, known: int) -> int:
    """How many transactions a query shows, of which so many are known already."""
    ids = ", ".join(str(load.last_id(number)) for number in range(known, known + _LOOK_AHEAD))
    sql = f"SELECT MAX(id) FROM {path.physical} WHERE id IN ({ids})"  # noqa: S608
    try:
        rows = answer.read(path.pinot.query(sql)).rows
    except (answer.Transient, answer.Unserved):
        time.sleep(0.005)
        return known
    highest = float(str(rows[0][0])) if rows else -1.0
    return known if highest < load.first_id else (int(highest) - load.first_id + 1) // _INSERTS
