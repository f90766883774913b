"""The demonstration's middle: the shop writes, rows are timed, Pinot is asked and perhaps killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.cli.demo_shop import PULSE, PULSE_VIEW, REVENUE
from headrace.cli.demo_story import TABLE, VIEW, LiveRun, Story
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.apply.project import Project
    from headrace.hops.serve.query import QueryClient

CHANGES_PER_S = 200.0
_REPORT_EVERY_S = 2.0
_BACK_WITHIN_S = 240.0
_LAST_DAY = f"SELECT revenue FROM {REVENUE} ORDER BY day DESC LIMIT 1"  # noqa: S608


@dataclass
class Live:
    """One run of the shop.

    Attributes:
        views: whether the views are there to be watched too.
    """

    project: Project
    story: Story
    views: bool

    def play(self, seconds: float, *, chaos: bool) -> LiveRun:
        """Let rows flow and watch; Pinot is killed at half time if asked for."""
        from headrace.hops.serve.client import PinotClient
        from headrace.hops.serve.query import QueryClient

        run, stop = LiveRun(), threading.Event()
        failures: list[BaseException] = []

        def guarded(work: Callable[[LiveRun, threading.Event], None]) -> None:
            try:
                work(run, stop)
            except BaseException as error:
                failures.append(error)
                stop.set()

        works = (self._write, self._time)
        workers = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
        for worker in workers:
            worker.start()
        ends = self.project.endpoints
        try:
            with PinotClient(ends.pinot_controller_url, ends.pinot_broker_url) as pinot:
                self._narrate(run, QueryClient(pinot, self.project.name), seconds, chaos, stop)
        finally:
            stop.set()
            for worker in workers:
                worker.join(timeout=_BACK_WITHIN_S)
        if failures:
            raise failures[0]
        return run

    def _write(self, run: LiveRun, stop: threading.Event) -> None:
        from headrace.feed import workload
        from headrace.feed.connect import connect

        def count(commit: workload.Commit) -> None:
            run.changes += commit.changes

        with connect(self.project.endpoints.source) as session:
            shop = workload.open_shop(session)
            workload.run(session, shop, changes_per_s=CHANGES_PER_S, stop=stop, on_commit=count)

    def _time(self, run: LiveRun, stop: threading.Event) -> None:
        """Commit a row now and then and ask for it in the table and in the view until it is there."""
        from headrace.feed.connect import connect
        from headrace.hops.serve import directory
        from headrace.hops.serve.client import PinotClient
        from headrace.verify.bench_tables import commit_pulse
        from headrace.verify.freshness import Measurement, Path, measure

        ends = self.project.endpoints
        ways = {TABLE: PULSE, **({VIEW: PULSE_VIEW} if self.views else {})}
        run.times_ms |= {way: [] for way in ways}

        def note(_done: int, _all_rows: int, so_far: Measurement) -> None:
            for way, times in so_far.times_ms.items():
                run.times_ms[way].append(times[-1])

        with ExitStack() as opened:
            session = opened.enter_context(connect(ends.source))
            paths: list[Path] = []
            for way, name in ways.items():
                pinot = opened.enter_context(PinotClient(ends.pinot_controller_url, ends.pinot_broker_url))
                paths.append(Path(way, pinot, directory.resolve(pinot, self.project.name, name).physical))
            measure(
                lambda number: commit_pulse(session, number),
                paths,
                first=int(time.time()),
                count=1_000_000,
                gap_s=(0.05, 0.25),
                stop=stop,
                patience_s=_BACK_WITHIN_S,
                progress=note,
            )

    def _narrate(
        self, run: LiveRun, query: QueryClient, seconds: float, chaos: bool, stop: threading.Event
    ) -> None:
        """A line every two seconds: what Pinot answers, how fresh it is; the kill at half time.

        The kill comes too where one slow answer lasts from before half time to after the end.
        """
        self.story.heading(self.views)
        began, kill_due = time.monotonic(), chaos
        told, trend = dict.fromkeys(run.times_ms, 0), list[float]()

        def to_half_s() -> float:
            return max(0.0, began + seconds / 2 - time.monotonic())

        while not stop.wait(min(_REPORT_EVERY_S, to_half_s()) if kill_due else _REPORT_EVERY_S):
            if kill_due and to_half_s() == 0:
                kill_due = False
                run.killed_for_s = self._kill_pinot(query)
            elif not kill_due and time.monotonic() - began >= seconds:
                break
            [[orders]] = query.run("SELECT COUNT(*) FROM orders").rows
            revenue = query.run(_LAST_DAY).rows[0][0] if self.views else None
            lately = {way: times[told.get(way, 0) :] for way, times in run.times_ms.items()}
            told = {way: told.get(way, 0) + len(times) for way, times in lately.items()}
            medians = {way: _median(times) for way, times in lately.items() if times}
            trend += [medians[way] for way in (VIEW, TABLE) if way in medians][:1]
            self.story.moment(run.changes, int(str(orders)), revenue, medians, trend)
        self.story.say()

    def _kill_pinot(self, query: QueryClient) -> float:
        """kill -9; returns the seconds until it answers again."""
        from headrace.engines import runtime

        engines = runtime.status(self.project.directory).engines
        pid = next(engine.pid for engine in engines if engine.name == "pinot")
        if pid is None:
            raise HeadraceError("pinot-not-running", "Pinot does not run", hint="see its log with --keep")
        self.story.step(f"kill -9 {pid}: Pinot is gone; the shop and all others go on")
        try:
            os.kill(pid, signal.SIGKILL)
        except PermissionError:
            raise HeadraceError(
                "engine-not-ours",
                "this account may not kill Pinot",
                cause="it runs in a container, as another user",
                hint="run the demo as root, or without the kill",
            ) from None
        began = time.monotonic()
        while time.monotonic() - began < _BACK_WITHIN_S:
            time.sleep(0.2)
            try:
                query.run("SELECT COUNT(*) FROM orders")
                if self.views:
                    query.run(_LAST_DAY)
            except HeadraceError:
                continue
            away_s = time.monotonic() - began
            self.story.step(f"back after {away_s:.1f} s: caught up first, and only then answering")
            return away_s
        raise HeadraceError(
            "pinot-not-back",
            f"Pinot did not come back within {_BACK_WITHIN_S:.0f} s",
            hint="see its log with --keep",
        )


def _median(times: Sequence[float]) -> float:
    from headrace.verify.freshness import Distribution

    return Distribution.of(times).p50_ms
