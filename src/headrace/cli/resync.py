"""`headrace resync`."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory
from headrace.errors import HeadraceError


def resync(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE|VIEW]...", help="`orders` means `public.orders`."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every table; afterwards one capture carries them all.")
    ] = False,
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Take a table again from a new snapshot, or compute a view again from the log.

    A new generation is built beside the old one, which readers keep until the new one is complete. Several
    tables go into one new capture, so `--all` merges what was added over time.

    \b
    Examples:
      headrace resync orders
      headrace resync --all
    """
    from headrace.apply.project import open_project
    from headrace.cli.run_lines import show
    from headrace.plan.render import as_json

    if bool(tables) == everything:
        raise HeadraceError(
            "usage", "name tables, or give --all", hint="`headrace resync --help` has examples"
        )
    project = open_project(project_directory)
    declared = [declared.table for declared in project.declaration.declared]
    wanted = declared if everything else [project.named(text) for text in tables or []]
    done = project.resync(wanted, show)
    if json:
        output.answer_json({"ok": True, "tables": [table.shown for table in wanted], "plan": as_json(done)})
    else:
        output.answer(f"Taken again: {', '.join(table.shown for table in wanted)}.")
