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
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Stop the engines in order; their data stay, and `headrace up` goes on from there.

    Works without a valid headrace.yaml and after any crash. Stops only what `headrace up` started here.

    \b
    Example:
      headrace down --purge --yes
    """
    from headrace.cli.engine_progress import EngineProgress
    from headrace.cli.project import project_folder
    from headrace.engines import runtime
    from headrace.engines.record import EngineState

    directory = project_folder(project_directory)
    if purge and not yes:
        _confirm(str(directory / ".headrace"))
    with EngineProgress(untold=frozenset({EngineState.READY})) as progress:
        stopped = runtime.down(directory, purge=purge, progress=progress)
    if json:
        output.answer_json(
            {"ok": True, "directory": directory, "stopped": stopped.engines, "purged": stopped.purged}
        )
        return
    output.answer(f"stopped: {', '.join(stopped.engines)}" if stopped.engines else "nothing was running")
    if stopped.purged:
        output.answer(f"removed: {directory / '.headrace'}")


def _confirm(path: str) -> None:
    import sys

    if not sys.stdin.isatty() or output.json_wanted():
        raise HeadraceError(
            "confirmation-needed",
            f"--purge removes {path} with all data of the project",
            hint="add --yes if that is meant",
        )
    typer.confirm(f"Remove {path} with all data of the project?", abort=True, err=True)
