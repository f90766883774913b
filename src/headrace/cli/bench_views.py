"""`headrace bench views`: how fresh a view is under a steady load, through Spark's checkpoints."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import bench, bench_answers, output
from headrace.cli.options import Json

if TYPE_CHECKING:
    from headrace.hops.transform.client import SparkClient
    from headrace.verify.bench_tables import Connection
    from headrace.verify.freshness import Measurement, Path


VIEW = "by_device"
SQL = """SELECT device, count(*) AS readings, sum(value) AS total, avg(value) AS mean
FROM readings GROUP BY device"""
PROBE_DEVICES = 1_000_000
"""Devices of the measured rows begin here: each makes a group of its own."""
_WARM_UP = 100
_CATCH_UP_S = 600.0


@bench.app.command("views")
def views_command(
    rate: Annotated[
        float, typer.Option("--rate", min=20, help="Changes a second beside the measured rows.")
    ] = 500.0,
    seconds: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=5, help="How long it is measured.")
    ] = 1260.0,
    beside: Annotated[
        bool, typer.Option("--micro-batches", help="Then the same with Spark in micro-batches.")
    ] = False,
    quick: bench.Quick = False,
    keep: bench.Keep = None,
    json: Json = False,
) -> None:
    """Commit single rows under a steady load; time from each commit to the view and to the table.

    Spark ends a batch every two minutes and stands still for a moment: each pause is told.

    \b
    Example:
      headrace bench views --for 120
    """
    from headrace.cli.bench_micro_batches import micro_batches
    from headrace.cli.scratch_project import scratch_project
    from headrace.feed.connect import connect
    from headrace.verify.bench_tables import DECLARED, READINGS, create_tables
    from headrace.verify.freshness import Distribution
    from headrace.verify.sustained import Load

    seconds = min(seconds, 30.0) if quick else seconds
    views = {VIEW: SQL}
    with (
        scratch_project("bench", DECLARED, create_tables, output.note, keep=keep, views=views) as project,
        project.connections() as connections,
        connect(project.endpoints.source) as session,
        connect(project.endpoints.source) as loading,
        output.progress("views") as line,
    ):
        assert connections.spark is not None
        ways = {VIEW: "device", READINGS: "id"}
        paths = [bench.row_path(project, connections.pinot, name, name, key) for name, key in ways.items()]
        first = PROBE_DEVICES + bench.next_id(session, READINGS)
        load = Load(rate, 3 * seconds + 1200, bench.next_id(session, READINGS) + 10 * PROBE_DEVICES)
        threading.Thread(target=load.run, args=(loading,), daemon=True).start()
        probes = _Probes(session, first, line)
        probes.warm_up(paths[0], _WARM_UP)
        with _Pauses(connections.spark) as pauses:
            results = probes.measure(paths, seconds)
        if beside:
            slower = replace(paths[0], name=f"{VIEW} in micro-batches")
            with micro_batches(connections.spark):
                probes.warm_up(slower, _WARM_UP // 10)
                results |= probes.measure([slower, replace(paths[1], name=f"{READINGS} meanwhile")], seconds)
        if load.failure is not None:
            raise load.failure
        line.finish(f"{len(results[VIEW])} rows, {len(pauses.told_ms)} checkpoints")
    _answer(rate, {name: Distribution.of(times).as_dict() for name, times in results.items()}, pauses.told_ms)


@dataclass
class _Probes:
    """Rows whose way is timed, numbered on from one use to the next."""

    session: Connection
    next_row: int
    line: output.Progress

    def warm_up(self, path: Path, count: int) -> None:
        """Rows that are not in any result; a view that has just begun reads the whole log first."""
        from headrace.verify.freshness import warm_up

        self.line.step("warming up")
        first = self._take(1 + count)
        self._commit(first)
        path.wait(first, time.perf_counter(), _CATCH_UP_S)
        warm_up(self._commit, path, first=first + 1, count=count)

    def measure(self, paths: Sequence[Path], seconds: float) -> dict[str, list[float]]:
        """Times in milliseconds by path, of rows that are committed for so long."""
        from headrace.verify.freshness import measure

        over = threading.Event()
        alarm = threading.Timer(seconds, over.set)
        alarm.daemon = True
        alarm.start()
        began = time.monotonic()

        def tell(_done: int, _all_rows: int, _so_far: Measurement) -> None:
            self.line.step("rows", time.monotonic() - began, seconds)

        times_ms = measure(
            self._commit,
            paths,
            first=self.next_row,
            count=1_000_000,
            gap_s=(0.05, 0.5),
            stop=over,
            progress=tell,
        ).times_ms
        self.next_row += len(times_ms[paths[0].name])
        return times_ms

    def _take(self, count: int) -> int:
        first, self.next_row = self.next_row, self.next_row + count
        return first

    def _commit(self, row: int) -> None:
        from headrace.verify.bench_tables import commit_probe

        commit_probe(self.session, row)


@dataclass
class _Pauses:
    """Watches how long the view's query stands still at each checkpoint."""

    spark: SparkClient
    told_ms: list[float] = field(default_factory=list[float])
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> _Pauses:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        known: int | None = None
        while not self._ended.wait(1.0):
            [status] = self.spark.jobs().values()
            if known is not None and status.batches > known:
                if status.last_boundary_pause_ms is None:
                    continue  # the batch has only begun
                self.told_ms.append(status.last_boundary_pause_ms)
            known = status.batches


def _answer(rate: float, results: dict[str, dict[str, object]], pauses_ms: Sequence[float]) -> None:
    if output.json_wanted():
        found = {"results": results, "pauses_ms": [round(pause) for pause in pauses_ms]}
        bench_answers.answer_json("views", {"rate": rate}, found)
        return
    output.answer(f"commit to the first query that sees the row, ms, beside {rate:,.0f} changes a second")
    bench_answers.show(results)
    if pauses_ms:
        longest = max(pauses_ms)
        output.answer(f"{len(pauses_ms)} checkpoints, the longest pause at one {longest:,.0f} ms")
