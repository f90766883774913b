"""`headrace bench`: freshness and throughput, measured on engines of their own."""

from __future__ import annotations

import contextlib
import tempfile
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
    from headrace.verify.bulk import Arrival
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
    with _engines(keep) as project, project.connections() as connections, contextlib.ExitStack() as stack:
        session = stack.enter_context(_session(project))
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
                        seed=number + 1,
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
    with _engines(keep) as project, project.connections() as connections, _session(project) as session:
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


@app.command("bulk")
def bulk_command(
    rows: Annotated[
        int, typer.Option("--rows", min=1000, help="Of eight columns, in one statement.")
    ] = 500_000,
    quick: Quick = False,
    runs: Runs = 1,
    keep: Keep = None,
    json: Json = False,
) -> None:
    """Commit many rows at once, by statement and from CSV; how fast they arrive, and how stale others get.

    Before each measurement the engines come to rest: they build segments behind a bulk.

    \b
    Example:
      headrace bench bulk --rows 100000
    """
    from headrace.verify.at_rest import await_rest
    from headrace.verify.bulk import connector_alone, whole_path

    rows = min(rows, 50_000) if quick else rows
    results: list[dict[str, object]] = []
    with contextlib.ExitStack() as stack:
        project = stack.enter_context(_engines(keep))
        connections = stack.enter_context(project.connections())
        session, other = stack.enter_context(_session(project)), stack.enter_context(_session(project))
        bulk = row_path(project, connections.pinot, "bulk")
        pulse = row_path(project, connections.pinot, "pulse")
        line = stack.enter_context(output.progress("bulk"))
        for number in range(runs):
            line.step(f"{rows:,} rows, the connector alone")
            session.execute("TRUNCATE bulk_unserved")
            await_rest(project.directory)
            alone = connector_alone(connections, session, rows=rows)
            line.step(f"{rows:,} rows, the whole path")
            first = next_id(session, "bulk")
            await_rest(project.directory)
            whole, others = whole_path(session, other, bulk, pulse, first=first, rows=rows)
            line.step(f"{rows:,} rows, from CSV")
            await_rest(project.directory)
            csv = _from_csv(session, other, bulk, pulse, rows)
            results.append(bench_answers.bulk_figures(alone, whole, csv, others))
            line.step(f"run {number + 1} of {runs} is done")
        line.finish(f"{rows:,} rows")
    bench_answers.answer_bulk(rows, results)


def _from_csv(
    session: Connection, other: Connection, bulk: freshness.Path, pulse: freshness.Path, rows: int
) -> Arrival:
    """The same rows by `load csv`, into the same table."""
    from headrace.feed.load import LoadOptions, load_csv
    from headrace.names import TableName
    from headrace.verify.bulk import whole_path

    first = next_id(session, "bulk")
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        file = Path(folder) / "bulk.csv"
        with file.open("w", encoding="utf-8") as out:
            out.write("id,seq,device,status,value,note,flag,at\n")
            out.writelines(
                f"{n},0,{n % 5000},ok,{n % 1000}.125,reading {n},t,2026-01-01T00:00:00Z\n"
                for n in range(first, first + rows)
            )
        arrival, _ = whole_path(
            session,
            other,
            bulk,
            pulse,
            first=first,
            rows=rows,
            write=lambda: load_csv(session, file, TableName("public", "bulk"), LoadOptions(key=("id",))),
        )
        return arrival


@contextlib.contextmanager
def _engines(keep: Path | None) -> Generator[Project]:
    from headrace.cli.scratch_project import scratch_project
    from headrace.verify.bench_tables import DECLARED, create_tables

    with scratch_project("bench", DECLARED, create_tables, output.note, keep=keep) as project:
        time.sleep(3)  # the JVMs have just started; the first queries warm them up
        yield project


@contextlib.contextmanager
def _session(project: Project) -> Generator[Connection]:
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
