"""`headrace down`."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, Yes
from headrace.errors import HeadraceError


def down(
    project_directory: ProjectDirectory = None,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Remove the project's local data too: all that is in .headrace."),
    ] = False,
    leave_source: Annotated[
        bool,
        typer.Option("--leave-source", help="Purge although slots stay on your own PostgreSQL."),
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Stop the engines in order; their data stay, and `headrace up` goes on from there.

    Works without a valid headrace.yaml and after any crash. Stops only what `headrace up` started here. On a
    PostgreSQL of your own, slots keep WAL meanwhile: how much is said.

    \b
    Example:
      headrace down --purge --yes
    """
    from headrace.cli.confirm import confirm
    from headrace.cli.engine_progress import EngineProgress
    from headrace.cli.project import project_folder
    from headrace.cli.source_left import SlotLeft, refuse_purge, slots_left, tell_slots
    from headrace.engines import runtime
    from headrace.engines.record import EngineState

    directory = project_folder(project_directory)
    if purge:
        confirm(f"{directory / '.headrace'} with all data of the project is removed.", "purge", yes=yes)
        if not leave_source:
            refuse_purge(directory)
    left: list[SlotLeft] = []
    if not purge:
        try:
            left = slots_left(directory)
        except HeadraceError as error:
            output.warn(f"how much WAL the source keeps is not known: {error.summary}", error.hint)
    with EngineProgress(untold=frozenset({EngineState.READY})) as progress:
        stopped = runtime.down(directory, purge=purge, progress=progress)
    tell_slots(left)
    if json:
        output.answer_json(
            {
                "ok": True,
                "directory": directory,
                "stopped": stopped.engines,
                "purged": stopped.purged,
                "slots": [vars(slot) for slot in left],
            }
        )
        return
    output.answer(f"stopped: {', '.join(stopped.engines)}" if stopped.engines else "nothing was running")
    if stopped.purged:
        output.answer(f"removed: {directory / '.headrace'}")
