"""`headrace bench build`: how long views over a large table take from `apply` to the whole result."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import bench, bench_answers, output
from headrace.cli.options import Json

if TYPE_CHECKING:
    from headrace.apply.project import Project


_GROUPED = "SELECT {0}, count(*) AS readings, sum(value) AS total, avg(value) AS mean FROM bulk GROUP BY {0}"
PRESENT = {"by_pulse": "SELECT id, count(*) AS pulses FROM pulse GROUP BY id"}
"""Spark runs from the start, as in a project that has views already."""
FIRST = {"by_device": _GROUPED.format("device")}
OTHERS = {
    "by_status": _GROUPED.format("status"),
    "by_hour": "SELECT date_trunc('hour', at) AS hour, count(*) AS readings, avg(value) AS mean"
    " FROM bulk GROUP BY 1",
    "late": "SELECT id, device, value FROM bulk WHERE status = 'late'",
}
_IDLE_S = 20.0


@bench.app.command("build")
def build_command(
    rows: Annotated[int, typer.Option("--rows", min=1000, help="In the table, of eight columns.")] = 500_000,
    quick: bench.Quick = False,
    keep: bench.Keep = None,
    json: Json = False,
) -> None:
    """Declare views over a full table, one and then three at once; time until they are whole.

    Spark runs one small view before. Its memory is told with all five, 20 s after the last one is built.

    \b
    Example:
      headrace bench build --rows 100000
    """
    from headrace.apply.project import open_project
    from headrace.cli.scratch_project import scratch_project
    from headrace.feed.connect import connect
    from headrace.verify.bench_tables import BULK, DECLARED, commit_bulk, create_tables

    rows = min(rows, 50_000) if quick else rows
    with (
        scratch_project("bench", DECLARED, create_tables, output.note, keep=keep, views=PRESENT) as project,
        project.connections() as connections,
        connect(project.endpoints.source) as session,
        output.progress("build") as line,
    ):
        line.step(f"{rows:,} rows into the table")
        first = bench.next_id(session, BULK)
        commit_bulk(session, served=True, first=first, last=first + rows - 1)
        bench.row_path(project, connections.pinot, BULK).wait(first + rows - 1, time.perf_counter(), 600.0)
        line.step("the first view")
        one_s = _declare(project, PRESENT | FIRST)
        line.step("five views")
        others_s = _declare(project, PRESENT | FIRST | OTHERS)
        time.sleep(_IDLE_S)
        pss_mb = _spark_pss_mb(project)
        line.step("verifying")
        verdicts = open_project(project.directory).verify()
        line.finish(f"{rows:,} rows")
    _answer(
        rows,
        {
            "one_view_s": round(one_s, 1),
            "rows_per_s": round(rows / one_s),
            "three_more_s": round(others_s, 1),
            "spark_pss_mb": round(pss_mb),
            "verified": all(verdict.equal for verdict in verdicts),
        },
    )


def _declare(project: Project, views: Mapping[str, str]) -> float:
    """Write the file with these views and apply it: seconds until they are whole and answer."""
    from headrace.apply.project import open_project

    file = project.directory / "headrace.yaml"
    declared = json.loads(file.read_text(encoding="utf-8"))
    declared["views"] = dict(views)
    file.write_text(json.dumps(declared, indent=2) + "\n", encoding="utf-8")
    began = time.perf_counter()
    open_project(project.directory).apply()
    return time.perf_counter() - began


def _spark_pss_mb(project: Project) -> float:
    from headrace.engines.folder import ProjectFolder
    from headrace.engines.status import read_status

    engines = read_status(ProjectFolder.of(project.directory)).engines
    (spark,) = [engine for engine in engines if engine.name == "spark"]
    return (spark.memory_bytes or 0) / 2**20


def _answer(rows: int, found: Mapping[str, object]) -> None:
    if output.json_wanted():
        bench_answers.answer_json("build", {"rows": rows}, found)
        return
    output.answer(f"views over a table of {rows:,} rows, from `apply` until they are whole")
    output.answer(
        output.table(
            ("views", "s"),
            [
                ("the first, grouped by device", found["one_view_s"]),
                ("three more at once", found["three_more_s"]),
            ],
        )
    )
    output.answer(f"the first: {found['rows_per_s']:,} rows a second")
    output.answer(f"Spark with five views: {found['spark_pss_mb']:,} MB (PSS)")
    output.answer("verify: equal" if found["verified"] else "verify: NOT equal")
