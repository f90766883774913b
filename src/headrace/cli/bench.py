"""`headrace bench`: freshness and throughput, measured on engines of their own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from psycopg import sql

from headrace.cli import bench_answers, output
from headrace.cli.options import Json

if TYPE_CHECKING:
    from headrace.apply.project import Project
    from headrace.hops.serve.client import PinotClient
    from headrace.verify import freshness
    from headrace.verify.bench_tables import Connection
    from headrace.verify.freshness import Measurement

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Runs = Annotated[int, typer.Option("--runs", min=1, help="Repeat it so often; the medians are shown.")]
Keep = Annotated[
    Path | None,
    typer.Option("--keep", metavar="DIR", help="Use this folder and leave the engines running in it."),
]
Quick = Annotated[bool, typer.Option("--quick", help="A small one, to see that it works.")]


@app.callback()
def bench() -> None:
    """Measure freshness and throughput on engines started for it, removed afterwards.

    Nothing of your own project is touched. The numbers are of this machine as it is now: see the load shown.
    Exits with 4 when one that was measured in full is not what it should be on two processors.
    """


@app.command("freshness")
def freshness_command(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Rows to commit.")] = 500,
    longest_gap: Annotated[float, typer.Option(min=0.01, help="Seconds; gaps begin at 0.2.")] = 10.0,
    stock: Annotated[
        bool, typer.Option("--stock", help="The same path at stock settings beside it.")
    ] = False,
    warm: Annotated[
        int, typer.Option("--warm-up", min=0, help="Rows sent before, unmeasured; 0 measures cold engines.")
    ] = 500,
    seed: Annotated[
        int, typer.Option("--seed", help="Draws the gaps; every further run of --runs draws with the next.")
    ] = 1,
    quick: Quick = False,
    runs: Runs = 1,
    keep: Keep = None,
    json: Json = False,
) -> None:
    """Commit single rows at random moments; time from each commit to the first query that sees it.

    \b
    Example:
      headrace bench freshness --quick --stock
    """
    from headrace.verify.bench_tables import READINGS, commit_reading
    from headrace.verify.freshness import measure, warm_up
    from headrace.verify.stock_path import stock_path

    if quick:
        count, longest_gap, warm = min(count, 60), min(longest_gap, 1.0), min(warm, 100)
    with engines(keep) as project, project.connections() as connections, contextlib.ExitStack() as stack:
        session = stack.enter_context(session_of(project))
        paths = [row_path(project, connections.pinot, READINGS)]
        if stock:
            paths.append(stack.enter_context(stock_path(connections, READINGS)))
        found: list[Measurement] = []
        first = next_id(session, READINGS)
        with output.progress("freshness") as line:
            line.step(f"warming up, {warm} rows")
            warm_up(lambda row: commit_reading(session, row), paths[0], first=first, count=warm)
            first += warm
            for number in range(runs):
                found.append(
                    measure(
                        lambda row: commit_reading(session, row),
                        paths,
                        first=first + number * count,
                        count=count,
                        gap_s=(0.2, max(0.2, longest_gap)),
                        seed=seed + number,
                        progress=lambda done, all_rows, _: line.step("rows", done, all_rows),
                    )
                )
            line.finish(f"{runs * count} rows")
    bench_answers.answer_freshness(found, longest_gap, warm)


@app.command("sustained")
def sustained_command(
    rate: Annotated[
        float, typer.Option("--rate", min=20, help="Changes a second, half of them updates.")
    ] = 2000.0,
    seconds: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=1, help="How long the changes go on.")
    ] = 600.0,
    warm_up_s: Annotated[
        float,
        typer.Option(
            "--warm-up",
            metavar="SECONDS",
            min=0,
            help="The same load before, unmeasured; 0 measures cold engines.",
        ),
    ] = 60.0,
    quick: Quick = False,
    runs: Runs = 1,
    keep: Keep = None,
    json: Json = False,
) -> None:
    """Hold a load for minutes, through segment commits; freshness of every transaction, the longest gap.

    \b
    Example:
      headrace bench sustained --for 60
    """
    from headrace.verify.bench_tables import READINGS
    from headrace.verify.freshness import Distribution
    from headrace.verify.sustained import sustain

    if quick:
        seconds, warm_up_s = min(seconds, 20.0), min(warm_up_s, 5.0)
    results: list[dict[str, object]] = []
    every: list[float] = []
    with engines(keep) as project, project.connections() as connections, session_of(project) as session:
        path = row_path(project, connections.pinot, READINGS)
        with output.progress("sustained") as line:
            for _ in range(runs):
                result = sustain(
                    session,
                    path,
                    changes_per_s=rate,
                    duration_s=seconds,
                    first_id=next_id(session, READINGS),
                    warm_up_s=warm_up_s,
                    progress=lambda elapsed_s, _: line.step("under load", elapsed_s, warm_up_s + seconds),
                )
                every += result.times_ms
                results.append(
                    {
                        **Distribution.of(result.times_ms).as_dict(),
                        "changes": result.changes,
                        "changes_per_s": round(result.changes_per_s),
                        "segment_commits": result.segment_commits,
                        "queries": result.queries,
                        "writer_late_ms": round(result.late_ms, 1),
                    }
                )
            line.finish(f"{rate:,.0f} changes/s")
    bench_answers.answer_sustained(rate, seconds, warm_up_s, results, every)


@contextlib.contextmanager
def engines(keep: Path | None) -> Generator[Project]:
    """A project with the tables of `bench_tables`, on engines of its own."""
    from headrace.cli.scratch_project import scratch_project
    from headrace.verify.bench_tables import DECLARED, create_tables

    with scratch_project("bench", DECLARED, create_tables, output.note, keep=keep) as project:
        time.sleep(3)  # the JVMs have just started; the first queries warm them up
        yield project


@contextlib.contextmanager
def session_of(project: Project) -> Generator[Connection]:
    """A session of the source."""
    from headrace.feed.connect import connect

    with connect(project.endpoints.source) as session:
        yield session


def row_path(
    project: Project, pinot: PinotClient, table: str, name: str = "headrace", column: str = "id"
) -> freshness.Path:
    """Where rows of a table or a view become visible.

    Args:
        name: what the path is called in a measurement.
        column: what tells the rows apart.
    """
    from headrace.hops.serve import directory
    from headrace.verify.freshness import Path as RowPath

    return RowPath(name, pinot, directory.resolve(pinot, project.name, table).physical, column)


def next_id(session: Connection, table: str) -> int:
    """The lowest id above all that are there."""
    query = sql.SQL("SELECT coalesce(max(id), 0) + 1 FROM {}").format(sql.Identifier(table))
    found = session.execute(query).fetchone()
    return int(found[0]) if found else 1
