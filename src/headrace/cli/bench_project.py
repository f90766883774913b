"""`headrace bench project`: what a project costs its user, from the first command on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from headrace.cli import bench, bench_answers, bench_objectives, output
from headrace.cli.bench_objectives import Objective
from headrace.cli.options import Json

YEAR_OF_INVOICES = 541_909
"""Rows of the data set Online Retail, which the objective of `verify` is about."""

_OBJECTIVES = (
    Objective("first_row_s", "the first row is answered", 30, "s"),
    Objective("plan_s", "plan with nothing to do", 3, "s"),
    Objective("pss_gb", "memory of all engines, at rest", 3, "GB"),
)
_VERIFY = Objective("verify_s", "verify", 15, "s")
_IDLE_S = 60.0


@bench.app.command("project")
def project_command(
    rows: Annotated[
        int, typer.Option("--rows", min=1, help="Of eight columns, in a CSV file made for it.")
    ] = YEAR_OF_INVOICES,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Load this file instead.",
        ),
    ] = None,
    quick: bench.Quick = False,
    runs: bench.Runs = 5,
    json: Json = False,
) -> None:
    """Take fresh projects from `up` to the first row, then through a large table; time every command.

    Each run is a project of its own: `up`, a small CSV file, `apply`, `query`; then `load csv` and `apply` of
    the large table, `verify` of its rows, `plan` with nothing to do, and the memory of the engines (PSS) a
    minute after they came to rest. The engines are installed before the clock starts.

    \b
    Example:
      headrace bench project --runs 1
    """
    from headrace.cli.scratch_project import engines_installed, scratch_folder
    from headrace.verify.one_project import measure, write_lines

    rows = min(rows, 50_000) if quick else rows
    results: list[dict[str, object]] = []
    engines_installed(output.note)
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as made, output.progress("project") as line:
        file = csv
        if file is None:
            file = Path(made) / "lines.csv"
            line.step(f"writing {rows:,} lines")
            write_lines(file, rows)
        for number in range(runs):

            def tell(step: str, run: int = number + 1) -> None:
                line.step(f"run {run} of {runs}, {step}")

            with scratch_folder("bench", tell) as folder:
                found = measure(folder, file, idle_s=5.0 if quick else _IDLE_S, tell=tell)
            results.append(found.as_dict())
        line.finish(f"{results[-1]['rows']:,} rows")
    answer(results, csv)


def answer(runs: Sequence[Mapping[str, object]], csv: Path | None) -> None:
    """Print what the projects took, each run and the medians."""
    rows = runs[0]["rows"]
    medians = bench_answers.medians_of(runs)
    parts = bench_answers.medians_of([_parts(run) for run in runs])
    objectives = (*_OBJECTIVES, _VERIFY) if rows == YEAR_OF_INVOICES else _OBJECTIVES
    if output.json_wanted():
        bench_answers.answer_json(
            "project",
            {"rows": rows, "csv": str(csv) if csv else None},
            {
                "medians": {**medians, "engines_pss_gb": parts},
                "objectives": bench_objectives.document(objectives, medians),
                "runs": list(runs),
            },
        )
        bench_objectives.end(objectives, medians)
        return
    output.answer(
        f"fresh projects, a table of {rows:,} rows; medians of {len(runs)}, in seconds and GB (PSS)"
    )
    asked = {one.number: str(one) for one in objectives}
    told = [
        ("up, load csv, apply, query: the first row, s", "first_row_s"),
        ("  of it up --no-apply, s", "up_s"),
        ("load csv --create, s", "load_s"),
        ("apply: the snapshot, until all is served, s", "apply_s"),
        ("verify, row for row, s", "verify_s"),
        ("plan with nothing to do, s", "plan_s"),
        ("memory of all engines at rest (PSS), GB", "pss_gb"),
    ]
    lines = [(what, medians.get(name), asked.get(name)) for what, name in told]
    output.answer(output.table(("what", "median", "should be"), lines))
    output.answer("memory: " + ", ".join(f"{name} {size:.2f}" for name, size in parts.items()))
    output.answer("\nevery run")
    names = [name for _, name in told]
    output.answer(output.table(names, [[run[name] for name in names] for run in runs]))
    bench_objectives.tell(objectives, medians)


def _parts(run: Mapping[str, object]) -> Mapping[str, object]:
    return cast(Mapping[str, object], run["engines_pss_gb"])
