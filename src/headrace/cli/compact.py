"""`headrace compact`."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory


def compact(
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="`orders` means `public.orders`.")],
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Drop old versions of rows that Pinot still stores.

    Pinot keeps every version of a row and every deleted one. A new generation, built from a snapshot beside
    the old one, holds the rows that are alive and nothing else; readers notice nothing. A table without dead
    rows is left alone.

    \b
    Example:
      headrace compact orders
    """
    from headrace.apply.project import open_project
    from headrace.cli.run_lines import show

    project = open_project(project_directory)
    wanted = [project.named(text) for text in tables]
    done = project.compact(wanted, show)
    if json:
        rows = [{"before": before.as_dict(), "after": after.as_dict()} for before, after in done.values()]
        output.answer_json({"ok": True, "tables": rows})
        return
    headers = ("table", "rows alive", "stored before", "stored now")
    lines = [
        (str(table), after.live_rows, before.stored_rows, after.stored_rows)
        for table, (before, after) in done.items()
    ]
    output.answer(output.table(headers, lines))
