"""`headrace demo`: the whole story in a terminal, on engines of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json
from headrace.errors import ExitCode, HeadraceError

if TYPE_CHECKING:
    from headrace.apply.project import Project
    from headrace.cli.demo_story import Story
    from headrace.verify.verdict import TableVerdict

_OPENING = """\
A small shop: its catalogue comes from a CSV file, its past from a REST API,
its life happens in PostgreSQL. headrace carries every change through Debezium,
Kafka and Spark into Pinot, and shows how fresh and how exact all of it is.
"""


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
    views: Annotated[
        bool, typer.Option("--views/--no-views", help="Compute views; Spark is one engine more.")
    ] = True,
    dashboard: Annotated[
        bool, typer.Option("--dashboard/--no-dashboard", help="Show a dashboard, if Superset is installed.")
    ] = True,
    json: Json = False,
) -> None:
    """See it all: rows from a file, an API and a living shop, a view, a dashboard, and the proof at the end.

    Everything happens in a folder of its own, removed afterwards.

    \b
    Example:
      headrace demo --for 20 --chaos
      headrace demo --keep shop-demo
    """
    from headrace.cli import demo_shop
    from headrace.cli.demo_live import CHANGES_PER_S, Live
    from headrace.cli.demo_story import Story
    from headrace.cli.scratch_project import scratch_project

    story = Story(json)
    story.say(_OPENING)
    shown = dashboard and _superset_installed(story)
    with scratch_project(
        "demo",
        demo_shop.TABLES,
        lambda connection: demo_shop.fill(connection, story.step),
        story.step,
        keep=keep,
        views=demo_shop.VIEWS if views else None,
        dashboard=demo_shop.dashboard(views=views) if shown else None,
    ) as project:
        if shown:
            _show_address(project, story)
        story.step(f"the shop opens: {CHANGES_PER_S:.0f} changes a second")
        run = Live(project, story, views).play(seconds, chaos=chaos)
        _answer(project, story, views=views)
        verdicts = _prove(project, story)
        story.finish(run, verdicts)
    if keep is not None:
        story.say(f"It is still there: headrace -C {keep} down --purge --yes ends it.")
    if not all(verdict.equal for verdict in verdicts):
        raise HeadraceError(
            "demo-differs",
            "Pinot does not say what PostgreSQL says",
            hint="please report it with the folder of --keep",
            exit_code=ExitCode.DATA_DIFFER,
        )


def _superset_installed(story: Story) -> bool:
    from headrace.engines.installation import headrace_home
    from headrace.engines.superset_install import is_installed

    if is_installed(headrace_home()):
        return True
    story.step("no dashboard: `headrace engines install --with superset` gets Superset")
    return False


def _show_address(project: Project, story: Story) -> None:
    from headrace.cli.dashboard_address import dashboard_address

    address = dashboard_address(project.declaration, project.directory, project.endpoints)
    if address is not None:
        story.step("every chart of the dashboard shows what PostgreSQL says; look at it:")
        for line in address.lines():
            story.say(f"    {line}")


def _answer(project: Project, story: Story, *, views: bool) -> None:
    """One question to what was shown, answered behind all that is written."""
    from headrace.cli.demo_shop import REVENUE

    question = "SELECT status, COUNT(*) AS orders, SUM(total) AS total\nFROM orders GROUP BY status"
    if views:
        question = f"SELECT day, orders, revenue, mean_order\nFROM {REVENUE} ORDER BY day DESC LIMIT 4"
    found = project.query(question, up_to_now=True)
    for line in question.splitlines():
        story.say(f"  {line}")
    story.say()
    rows = [[str(value) if value is not None else None for value in row] for row in found.rows]
    for line in output.table([column.name for column in found.columns], rows).splitlines():
        story.say(f"    {line}")
    story.say()


def _prove(project: Project, story: Story) -> Sequence[TableVerdict]:
    """Everything, Pinot against PostgreSQL, as `headrace verify` does it."""
    story.step("headrace verify: every row and column, PostgreSQL against Pinot")
    verdicts = project.verify()
    for verdict in verdicts:
        story.verdict(verdict)
    return verdicts
