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
    from headrace.verify.freshness import Path

app = bench.app

VIEW = "by_device"
SQL = """SELECT device, count(*) AS readings, sum(value) AS total, avg(value) AS mean
FROM readings GROUP BY device"""
PROBE_DEVICES = 1_000_000
"""Devices of the measured rows begin here: each makes a group of its own."""
_COLUMN = "device"
_WARM_UP = 100
_CATCH_UP_S = 600.0


@app.command("views")
def views_command(
    rate: Annotated[
        float, typer.Option("--rate", min=20, help="Changes a second beside the measured rows.")
    ] = 500.0,
    seconds: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=5, help="How long it is measured.")
    ] = 660.0,
    beside: Annotated[
        bool, typer.Option("--micro-batches", help="Then the same with Spark in micro-batches.")
    ] = False,
    quick: bench.Quick = False,
    keep: bench.Keep = None,
    json: Json = False,
) -> None:
    """Commit single rows under a steady load; time from each commit to the view and to the table.

    Spark ends a batch once a minute and stands still for a moment: each pause is told.

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
        paths = [bench.row_path(project, connections.pinot, name, name) for name in (VIEW, READINGS)]
        first = PROBE_DEVICES + bench.next_id(session, READINGS)
        load = Load(rate, 3 * seconds + 1200, bench.next_id(session, READINGS) + 10 * PROBE_DEVICES)
        threading.Thread(target=load.run, args=(loading,), daemon=True).start()
        count = max(20, int(seconds / 0.4))
        probes = _Probes(session, first, line)
        probes.warm_up(paths[0], _WARM_UP)
        with _Pauses(connections.spark) as pauses:
            results = probes.measure(paths, count)
        if beside:
            slower = replace(paths[0], name=f"{VIEW} in micro-batches")
            with micro_batches(connections.spark):
                probes.warm_up(slower, _WARM_UP // 10)
                results |= probes.measure([slower, replace(paths[1], name=f"{READINGS} meanwhile")], count)
        if load.failure is not None:
            raise load.failure
        line.finish(f"{count} rows, {len(pauses.told_ms)} checkpoints")
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
        path.wait(_COLUMN, first, time.perf_counter(), _CATCH_UP_S)
        warm_up(self._commit, path, column=_COLUMN, first=first + 1, count=count)

    def measure(self, paths: Sequence[Path], count: int) -> dict[str, list[float]]:
        """Times in milliseconds by path."""
        from headrace.verify.freshness import measure

        return measure(
            self._commit,
            paths,
            column=_COLUMN,
            first=self._take(count),
            count=count,
            gap_s=(0.05, 0.5),
            progress=lambda done, every, _: self.line.step("rows", done, every),
        ).times_ms

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
            pause = status.last_boundary_pause_ms
            if known is not None and status.batches > known and pause is not None:
                self.told_ms.append(pause)
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
