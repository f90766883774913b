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
    before = {table: project.stored(table) for table in wanted}
    worth = [table for table in wanted if before[table].dead_rows > 0]
    if worth:
        project.resync(worth, show)
    after = {table: project.stored(table) for table in wanted}
    if json:
        rows = [{"before": before[t].as_dict(), "after": after[t].as_dict()} for t in wanted]
        output.answer_json({"ok": True, "tables": rows})
        return
    headers = ("table", "rows alive", "stored before", "stored now")
    lines = [(str(t), after[t].live_rows, before[t].stored_rows, after[t].stored_rows) for t in wanted]
    output.answer(output.table(headers, lines))
