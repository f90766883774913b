"""`headrace demo`: the whole story in a terminal, on engines of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from psycopg import sql

from headrace.cli import output
from headrace.cli.options import Json
from headrace.errors import ExitCode, HeadraceError

if TYPE_CHECKING:
    from headrace.apply.project import Project
    from headrace.feed.target import Connection
    from headrace.hops.serve.query import QueryClient

CHANGES_PER_S = 200.0
_REPORT_EVERY_S = 2.0
_BACK_WITHIN_S = 240.0
_TABLES = ("customers", "products", "orders", "order_lines")
_QUESTION = (
    "SELECT status, COUNT(*) AS orders, SUM(total) AS total FROM orders GROUP BY status ORDER BY status"
)


def demo(
    seconds: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=5, help="How long rows flow.")
    ] = 30.0,
    chaos: Annotated[
        bool, typer.Option("--chaos", help="Kill Pinot in the middle, without warning.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Use this folder and leave the engines running in it."),
    ] = None,
    json: Json = False,
) -> None:
    """See it all: engines started, rows flowing, freshness as it goes, and the proof at the end.

    Everything happens in a folder of its own, removed afterwards.

    \b
    Example:
      headrace demo --for 20 --chaos
    """
    from headrace.cli.scratch_project import scratch_project

    story = _Story(json)
    story.say("A small shop writes into PostgreSQL. headrace carries every change through Debezium")
    story.say("and Kafka into Apache Pinot, and shows how fresh and how exact the copy is.")
    story.say("")
    tables: dict[str, dict[str, object]] = {name: {} for name in (*_TABLES, "pulse")}
    with scratch_project("demo", tables, _prepare, story.step, keep=keep) as project:
        story.step("ready")
        result = _play(project, story, seconds, chaos)
        equal = _prove(project, story)
        story.finish(result, equal)
    if not equal:
        raise HeadraceError(
            "demo-differs",
            "Pinot does not say what PostgreSQL says",
            hint="please report it with the folder of --keep",
            exit_code=ExitCode.DATA_DIFFER,
        )


@dataclass
class _Run:
    """What happened while rows flowed."""

    changes: int = 0
    times_ms: list[float] = field(default_factory=list[float])
    killed_for_s: float | None = None


@dataclass
class _Story:
    """Tells it on stdout for people; with --json steps go to stderr and the end is one document."""

    json: bool
    _began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        if not self.json:
            output.answer(text)

    def step(self, text: str, trend: Sequence[float] = ()) -> None:
        """A line with the time; on a terminal in colour, with the trend of the freshness behind it."""
        line = f"[{time.monotonic() - self._began:5.1f} s] {text}"
        if self.json:
            output.note(line)
        elif sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
            self._in_colour(text, trend)
        else:
            output.answer(line)

    def _in_colour(self, text: str, trend: Sequence[float]) -> None:
        from rich.console import Console
        from rich.text import Text

        line = Text(f"[{time.monotonic() - self._began:5.1f} s] ", style="dim")
        bad = text.startswith("kill") or "DIFFERENT" in text
        good = "equal" in text or "back after" in text
        line.append(text, style="bold red" if bad else "bold green" if good else "")
        if trend:
            line.append(f" {_sparkline(trend[-12:])}", style="cyan")
        Console().print(line)

    def finish(self, run: _Run, equal: bool) -> None:
        from headrace.verify.freshness import Distribution, histogram

        found = Distribution.of(run.times_ms) if run.times_ms else None
        if self.json:
            output.answer_json(
                {
                    "ok": equal,
                    "changes": run.changes,
                    "freshness": found.as_dict() if found else None,
                    "pinot_unanswering_s": run.killed_for_s,
                    "equal": equal,
                }
            )
            return
        if found is None:
            return
        self.say("")
        self.say(f"Freshness: commit to the query that sees it, {found.n} rows measured")
        for line in histogram(run.times_ms):
            self.say(f"  {line}")
        self.say(f"  half within {found.p50_ms:.0f} ms, 99% within {found.p99_ms:.0f} ms")
        if run.killed_for_s is not None:
            self.say(f"  (the killed Pinot was away for {run.killed_for_s:.1f} s; those rows are in it)")


def _sparkline(values: Sequence[float]) -> str:
    """One block a value, as high as its share of the highest."""
    blocks = "▁▂▃▄▅▆▇█"
    highest = max(values) or 1.0
    return "".join(blocks[min(int(value / highest * 8), 7)] for value in values)


def _prepare(connection: Connection) -> None:
    from headrace.feed.workload import create_shop

    create_shop(connection)
    connection.execute("CREATE TABLE IF NOT EXISTS pulse (id bigint PRIMARY KEY, at timestamptz NOT NULL)")


def _play(project: Project, story: _Story, seconds: float, chaos: bool) -> _Run:
    """Let rows flow and watch; Pinot is killed at half time if asked for."""
    from headrace.feed import workload
    from headrace.feed.connect import connect
    from headrace.hops.serve import directory
    from headrace.hops.serve.client import PinotClient
    from headrace.hops.serve.query import QueryClient
    from headrace.verify.bench_tables import commit_pulse
    from headrace.verify.freshness import Path as RowPath
    from headrace.verify.freshness import measure

    run, stop, ends = _Run(), threading.Event(), project.endpoints
    failures: list[BaseException] = []

    def write() -> None:
        def count(commit: workload.Commit) -> None:
            run.changes += commit.changes

        with connect(ends.source) as session:
            shop = workload.open_shop(session)
            workload.run(session, shop, changes_per_s=CHANGES_PER_S, stop=stop, on_commit=count)

    def watch() -> None:
        with (
            connect(ends.source) as session,
            PinotClient(ends.pinot_controller_url, ends.pinot_broker_url) as p,
        ):
            path = RowPath("demo", p, directory.resolve(p, project.name, "pulse").physical)
            measure(
                lambda number: commit_pulse(session, number),
                [path],
                column="id",
                first=int(time.time()),
                count=1_000_000,
                gap_s=(0.05, 0.25),
                stop=stop,
                patience_s=_BACK_WITHIN_S,
                progress=lambda done, all_rows, so_far: run.times_ms.append(so_far.times_ms["demo"][-1]),
            )

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
            stop.set()

    story.step(f"the shop opens: {CHANGES_PER_S:.0f} changes a second")
    workers = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in (write, watch)]
    for worker in workers:
        worker.start()
    try:
        with PinotClient(ends.pinot_controller_url, ends.pinot_broker_url) as pinot:
            _narrate(project, story, run, QueryClient(pinot, project.name), seconds, chaos, stop)
    finally:
        stop.set()
        for worker in workers:
            worker.join(timeout=_BACK_WITHIN_S)
    if failures:
        raise failures[0]
    return run


def _narrate(
    project: Project,
    story: _Story,
    run: _Run,
    query: QueryClient,
    seconds: float,
    chaos: bool,
    stop: threading.Event,
) -> None:
    """A line every two seconds: what Pinot counts, how fresh it is; the kill at half time."""
    from headrace.verify.freshness import Distribution

    began, killed, told = time.monotonic(), False, 0
    medians: list[float] = []
    while not stop.wait(_REPORT_EVERY_S) and time.monotonic() - began < seconds:
        if chaos and not killed and time.monotonic() - began > seconds / 2:
            killed = True
            run.killed_for_s = _kill_pinot(project, story, query)
        result = query.run("SELECT COUNT(*), SUM(total) FROM orders")
        count, total = result.rows[0]
        recent, told = run.times_ms[told:], len(run.times_ms)
        if recent:
            medians.append(Distribution.of(recent).p50_ms)
        fresh = f"fresh to {medians[-1]:.0f} ms" if recent else "no row seen yet"
        told_total = f"{total or 0:,}"
        story.step(
            f"{run.changes:,} changes; Pinot counts {count:,} orders worth {told_total}; {fresh}",
            trend=medians,
        )
    story.say("")
    story.say(f"  {_QUESTION}")
    answer = query.run(_QUESTION)
    for line in output.table([column.name for column in answer.columns], answer.rows).splitlines():
        story.say(f"  {line}")
    story.say("")


def _kill_pinot(project: Project, story: _Story, query: QueryClient) -> float:
    """kill -9; returns the seconds until it answers again."""
    from headrace.engines import runtime

    pid = next(engine.pid for engine in runtime.status(project.directory).engines if engine.name == "pinot")
    if pid is None:
        raise HeadraceError("pinot-not-running", "Pinot does not run", hint="see its log with --keep")
    story.step(f"kill -9 {pid}: Pinot is gone; the shop goes on, Kafka keeps its changes")
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    while time.monotonic() - began < _BACK_WITHIN_S:
        time.sleep(0.2)
        try:
            query.run("SELECT COUNT(*) FROM orders")
        except HeadraceError:
            continue
        away_s = time.monotonic() - began
        story.step(f"Pinot is back after {away_s:.1f} s: started again, caught up, and only then answering")
        return away_s
    raise HeadraceError(
        "pinot-not-back",
        f"Pinot did not come back within {_BACK_WITHIN_S:.0f} s",
        hint="see its log with --keep",
    )


def _prove(project: Project, story: _Story) -> bool:
    """Every row of every table, Pinot against PostgreSQL, when all writes are done."""
    from headrace.apply.standing import committed
    from headrace.feed.connect import connect
    from headrace.hops.serve import directory
    from headrace.hops.serve.query import QueryClient

    equal = True
    with project.connections() as connections, connect(project.endpoints.source) as session:
        query = QueryClient(connections.pinot, project.name)
        for name in _TABLES:
            live = directory.resolve(connections.pinot, project.name, name)
            offsets = committed(connections.systems, live)
            columns = ", ".join(column.name for column in live.contract.columns)
            wanted = session.execute(
                sql.SQL("SELECT {} FROM {}").format(
                    sql.SQL(", ").join(sql.Identifier(column.name) for column in live.contract.columns),
                    sql.Identifier(name),
                )
            ).fetchall()
            found = query.run(f"SELECT {columns} FROM {name}", after=offsets, timeout_s=60).rows  # noqa: S608
            same = Counter(map(tuple, found)) == Counter(wanted)
            equal = equal and same
            verdict = "equal, row for row" if same else "DIFFERENT"
            story.step(
                f"verify {name}: {len(wanted):,} rows in PostgreSQL, {len(found):,} in Pinot: {verdict}"
            )
    return equal
