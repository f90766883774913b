"""`headrace feed run`: the shop lives in PostgreSQL."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration

if TYPE_CHECKING:
    from headrace.feed.workload import Commit, WorkloadReport


def run(
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, help="Row changes a second, in the mean.")
    ] = 50.0,
    seconds: Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="End after that.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed does the same on the same rows.")] = 1,
    day_seconds: Annotated[
        float | None,
        typer.Option(
            min=1, help="The rate swings once in so many seconds, quiet at first; without it is even."
        ),
    ] = None,
    customers: Annotated[int, typer.Option(min=1, help="How many to begin with, if there are none.")] = 500,
    products: Annotated[int, typer.Option(min=1, help="How many to begin with, if there are none.")] = 200,
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Let the shop live in PostgreSQL: orders placed, paid, changed, cancelled, deleted, returned.

    The tables customers, products, orders, order_lines, payments and returns are made if they are not there.
    It keeps to the clock and makes up for pauses; Ctrl-C ends it, and several may run at once.

    \b
    Example:
      headrace feed run --rate 200 --for 60
    """
    from headrace.engines import runtime
    from headrace.feed import workload
    from headrace.feed.connect import connect
    from headrace.feed.shop.rhythm import Rhythm

    address = runtime.source(*open_declaration(project_directory))
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set) if seconds is not None else None
    with connect(address) as connection, output.progress("shop") as line:
        workload.create_shop(connection, seed=seed, customers=customers, products=products)
        shop = workload.open_shop(connection, seed=seed)
        report = workload.WorkloadReport()
        began = time.monotonic()

        def show(commit: Commit) -> None:
            reached = report.changes / max(time.monotonic() - began, 0.001)
            line.step("open", detail=f", {reached:,.0f} changes a second; last: {commit.kind}")

        if timer is not None:
            timer.start()
        try:
            workload.run(
                connection,
                shop,
                changes_per_s=rate,
                stop=stop,
                on_commit=show,
                rhythm=Rhythm(rate, day_seconds),
                report=report,
            )
        finally:
            if timer is not None:
                timer.cancel()
            line.finish(f"{report.changes:,} changes")
            _answer(report, rate)


def _answer(report: WorkloadReport, rate: float) -> None:
    reached = report.changes / report.elapsed_s if report.elapsed_s else 0.0
    if output.json_wanted():
        output.answer_json(
            {
                "ok": True,
                "transactions": report.transactions,
                "changes": report.changes,
                "undone_changes": report.undone,
                "elapsed_s": round(report.elapsed_s, 3),
                "wanted_changes_per_s": rate,
                "reached_changes_per_s": round(reached, 2),
                "late_ms": round(report.late_ms, 1),
                "kinds": report.kinds,
            }
        )
        return
    output.answer(output.table(("what happened", "times"), sorted(report.kinds.items())))
    output.answer(
        f"{report.changes:,} changes in {report.transactions:,} transactions: {reached:,.1f} a second,"
        f" {rate:,.1f} wanted"
    )
