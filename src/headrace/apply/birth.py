"""The first minutes of a capture: where its slot begins, the proof of its snapshot, catching up."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from headrace.apply.progress import Progress, wait_until
from headrace.apply.systems import Flow
from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.names import CaptureNames, TableName
from headrace.plan.model import Snapshot

SLOT_TIMEOUT_S = 180.0
"""Making a slot waits for every transaction that is open at that moment."""

SNAPSHOT_STALL_S = 900.0

REST_S = 60.0
"""A worker of Connect that is started again takes up its connectors within this."""

INDEX_STALL_S = 300.0
WATCH_PAUSE_S = 0.02


class SnapshotBroken(Exception):
    """A snapshot that cannot be proven complete; the capture is of no use."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"the snapshot of capture {number} cannot be proven complete: {reason}")
        self.number = number
        self.reason = reason


class PointWatch:
    """Reads the position of a slot the moment it appears, before streaming moves it.

    Missing that moment is safe: the rows of the snapshot then carry another position, and the proof fails.
    """

    def __init__(self, flow: Flow, names: CaptureNames) -> None:
        self._flow = flow
        self._names = names
        self._point: int | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, in the background."""
        self._thread = threading.Thread(target=self._look, name="slot-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns once nothing runs."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._stopped.is_set() and self._point is None:
            with contextlib.suppress(HeadraceError):  # wait() asks again and lets it be seen
                self._point = self._flow.consistent_point(self._names)
            self._stopped.wait(WATCH_PAUSE_S)

    def wait(self, progress: Progress) -> int:
        """The slot's position when it appeared.

        Raises:
            HeadraceError: `wait-timeout` when no slot appears.
        """

        def missing() -> str | None:
            if self._point is None:
                self._point = self._flow.consistent_point(self._names)
            return None if self._point is not None else f"slot {self._names.slot} does not exist yet"

        what = "waiting for the connector to make its slot"
        wait_until(missing, what, progress, timeout_s=SLOT_TIMEOUT_S, pause_s=WATCH_PAUSE_S)
        assert self._point is not None
        return self._point


def prove(
    flow: Flow,
    names: CaptureNames,
    contracts: Sequence[TableContract],
    consistent_point: int,
    progress: Progress,
) -> None:
    """Wait for the end of the initial snapshot and for the proof that it is complete.

    Raises:
        SnapshotBroken: when it can never be proven any more.
        HeadraceError: when the connector fails of something that another capture would meet too.
        HeadraceError: `wait-timeout` when it makes no progress.
    """

    resting_since: float | None = None

    def missing() -> str | None:
        nonlocal resting_since
        report = flow.snapshot(names, contracts, consistent_point)
        if report.failure is not None:
            raise report.failure
        if report.state is Snapshot.BROKEN:
            raise SnapshotBroken(names.number, report.waiting_for)
        if report.state is Snapshot.PROVEN:
            return None
        resting_since = (resting_since or time.monotonic()) if report.resting else None
        if resting_since is not None and time.monotonic() - resting_since > REST_S:
            # Whatever takes it up again would read a second time: a snapshot counts in one piece only.
            raise SnapshotBroken(names.number, f"its connector has not run for {REST_S:.0f} s")
        rows = "" if report.rows is None else f" ({report.rows:,} rows)"
        return f"{report.waiting_for or 'not finished'}{rows}"

    wait_until(missing, "reading the snapshot", progress, timeout_s=SNAPSHOT_STALL_S)


def catch_up(
    flow: Flow, names: CaptureNames, served_names: Mapping[TableName, str], progress: Progress
) -> None:
    """Wait until these tables of a capture answer with all that was committed before this call."""
    topics = {names.topic(table): names.pinot_table(served) for table, served in served_names.items()}
    ends = flow.fence(names, tuple(topics))
    for topic, table in topics.items():
        offsets = ends.get(topic, {})
        what = f"waiting for Pinot to index {table}"
        wait_until(_indexed(flow, table, offsets), what, progress, timeout_s=INDEX_STALL_S)


def _indexed(flow: Flow, table: str, offsets: Mapping[int, int]) -> Callable[[], str | None]:
    return lambda: flow.not_yet_indexed(table, offsets)
