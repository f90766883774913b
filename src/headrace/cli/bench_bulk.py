"""`headrace bench bulk`: how fast a large transaction arrives, beside what the connector alone brings."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import bench, bench_answers, output
from headrace.cli.options import Json

if TYPE_CHECKING:
    from headrace.apply.project import Project
    from headrace.apply.real import Connections
    from headrace.verify.bench_tables import Connection
    from headrace.verify.bulk import Write


@bench.app.command("bulk")
def bulk_command(
    rows: Annotated[
        int, typer.Option("--rows", min=1000, help="Of eight columns, in one transaction.")
    ] = bench_answers.BULK_ROWS,
    quick: bench.Quick = False,
    runs: bench.Runs = 1,
    keep: bench.Keep = None,
    json: Json = False,
) -> None:
    """Commit many rows at once, by statement and from CSV; how fast they arrive, and how stale others get.

    Each way is measured twice, one behind the other: the connector alone into Kafka, then the whole path into
    Pinot. The time counts from the commit. Before each measurement the engines come to rest: they build
    segments behind a bulk.

    \b
    Example:
      headrace bench bulk --rows 100000
    """
    rows = min(rows, 50_000) if quick else rows
    results: list[dict[str, object]] = []
    with contextlib.ExitStack() as stack:
        project = stack.enter_context(bench.engines(keep))
        connections = stack.enter_context(project.connections())
        session = stack.enter_context(bench.session_of(project))
        other = stack.enter_context(bench.session_of(project))
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-bench-"))
        line = stack.enter_context(output.progress("bulk"))
        bulk = _Bulk(project, connections, session, other, rows, Path(made) / "bulk.csv", line)
        for number in range(runs):
            statement = bulk.measured("by one statement", bulk.statement)
            csv = bulk.measured("from CSV", bulk.csv_load)
            results.append(bench_answers.bulk_figures(statement, csv))
            line.step(f"run {number + 1} of {runs} is done")
        line.finish(f"{rows:,} rows")
    bench_answers.answer_bulk(rows, results)


@dataclass(frozen=True)
class _Bulk:
    """Writes the rows and measures them.

    Attributes:
        other: the session that writes rows of another table meanwhile.
        file: where the CSV file is made.
    """

    project: Project
    connections: Connections
    session: Connection
    other: Connection
    rows: int
    file: Path
    line: output.Progress

    def measured(self, how: str, writing: Callable[[str, int], Write]) -> bench_answers.Both:
        """The same way of writing with the connector alone, then on the whole path.

        Args:
            writing: given a table and the first row's number, returns what commits the rows.
        """
        from headrace.verify.at_rest import await_rest
        from headrace.verify.bench_tables import BULK, PULSE, UNSERVED
        from headrace.verify.bulk import connector_alone, whole_path

        self.line.step(f"{self.rows:,} rows {how}, the connector alone")
        self.session.execute("TRUNCATE bulk_unserved")
        write = writing(UNSERVED, 1)
        await_rest(self.project.directory)
        alone = connector_alone(self.connections, write, rows=self.rows)
        self.line.step(f"{self.rows:,} rows {how}, the whole path")
        first = bench.next_id(self.session, BULK)
        write = writing(BULK, first)
        bulk, pulse = (bench.row_path(self.project, self.connections.pinot, table) for table in (BULK, PULSE))
        await_rest(self.project.directory)
        whole, others = whole_path(write, self.other, bulk, pulse, first=first, rows=self.rows)
        return bench_answers.Both(alone, whole, others)

    def statement(self, table: str, first: int) -> Write:
        """One INSERT."""
        from headrace.verify.bench_tables import BULK, commit_bulk

        last = first + self.rows - 1
        return lambda: commit_bulk(self.session, served=table == BULK, first=first, last=last)

    def csv_load(self, table: str, first: int) -> Write:
        """Writes a file; what is returned loads it as `load csv` does."""
        from headrace.feed.load import LoadOptions, load_csv
        from headrace.names import TableName

        with self.file.open("w", encoding="utf-8") as out:
            out.write("id,seq,device,status,value,note,flag,at\n")
            out.writelines(
                f"{n},0,{n % 5000},ok,{n % 1000}.125,reading {n},t,2026-01-01T00:00:00Z\n"
                for n in range(first, first + self.rows)
            )
        options = LoadOptions(key=("id",))
        return lambda: load_csv(self.session, self.file, TableName("public", table), options)
