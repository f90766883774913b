"""`headrace down`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, Yes
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.apply.source_left import SlotsLeft


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
    from headrace.apply.source_left import SlotsLeft, refuse_purge, slots_left
    from headrace.cli.confirm import confirm
    from headrace.cli.engine_progress import EngineProgress
    from headrace.cli.project import project_folder
    from headrace.engines import runtime
    from headrace.engines.record import EngineState

    directory = project_folder(project_directory)
    if purge:
        confirm(f"{directory / '.headrace'} with all data of the project is removed.", "purge", yes=yes)
        if not leave_source:
            refuse_purge(directory)
    left = SlotsLeft()
    if not purge:
        try:
            left = slots_left(directory)
        except HeadraceError as error:
            output.warn(f"how much WAL the source keeps is not known: {error.summary}", error.hint)
    with EngineProgress(untold=frozenset({EngineState.READY})) as progress:
        stopped = runtime.down(directory, purge=purge, progress=progress)
    _tell_slots(left)
    if json:
        output.answer_json(
            {
                "ok": True,
                "directory": directory,
                "stopped": stopped.engines,
                "purged": stopped.purged,
                "slots": [{**vars(slot), "host": left.host} for slot in left.slots],
            }
        )
        return
    output.answer(f"stopped: {', '.join(stopped.engines)}" if stopped.engines else "nothing was running")
    if stopped.purged:
        output.answer(f"removed: {directory / '.headrace'}")


def _tell_slots(left: SlotsLeft) -> None:
    """Say on stderr how much WAL is kept, and how far that can go."""
    from headrace.hops.source.probe import megabytes

    for slot in left.slots:
        bound = (
            f"up to {megabytes(slot.limit_bytes)}, then the slot is lost"
            if slot.limit_bytes is not None
            else "without a limit: it can fill that disk"
        )
        output.warn(
            f"{slot.name} on {left.host} keeps {megabytes(slot.kept_bytes)} of WAL, and more and more "
            f"until `headrace up` ({bound})",
            "`headrace up --no-apply` and `headrace destroy` give it up",
        )
