"""`headrace logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory
from headrace.errors import HeadraceError


def logs(
    engine: Annotated[str, typer.Argument(help="An engine's name, or `supervisor`.")],
    project_directory: ProjectDirectory = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing lines as they come, until interrupted.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the last lines of an engine's log.

    Works whether the engine runs or not; logs stay until `headrace down --purge`.

    \b
    Example:
      headrace logs kafka -n 200 -f
    """
    from headrace.cli.project import project_folder
    from headrace.engines import engine_logs
    from headrace.engines.folder import ProjectFolder

    folder = ProjectFolder.of(project_folder(project_directory))
    known = engine_logs.names(folder)
    if engine not in known:
        raise HeadraceError(
            "no-such-log",
            f"there is no log of {engine}",
            hint=f"there are logs of {', '.join(known)}" if known else "run `headrace up` first",
        )
    if json and follow:
        raise HeadraceError("usage", "--follow and --json exclude each other", hint="leave one of them out")
    # The place to go on from is taken first: a line may then come twice, but none is missed.
    coming = engine_logs.follow(folder, engine)
    last = engine_logs.tail(folder, engine, lines)
    if json:
        output.answer_json(
            {"ok": True, "engine": engine, "file": engine_logs.place(folder, engine), "lines": last}
        )
        return
    for line in last:
        output.answer(output.visible(line.expandtabs(4)))
    if follow:
        for line in coming:
            output.answer(output.visible(line.expandtabs(4)))
