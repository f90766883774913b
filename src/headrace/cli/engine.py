"""`headrace engine ROLE`: what a container of the image runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import output
from headrace.errors import HeadraceError


def engine(
    role: Annotated[str, typer.Argument(help="The engine: postgres, kafka, connect, zookeeper, pinot, …")],
    check: Annotated[
        bool, typer.Option("--check", help="Only ask whether the engine of this container serves.")
    ] = False,
    project: Annotated[str, typer.Option(envvar="HEADRACE_PROJECT", help="The project's name.")] = "headrace",
    directory: Annotated[
        Path, typer.Option("--data", envvar="HEADRACE_DATA", metavar="DIR", help="The volume.")
    ] = Path("/headrace"),
    heap_mb: Annotated[
        int,
        typer.Option(envvar="HEADRACE_HEAP_MB", min=0, help="The JVM's heap; 0 for the engine's default."),
    ] = 0,
    kafka_outside: Annotated[
        str | None,
        typer.Option(
            envvar="HEADRACE_KAFKA_OUTSIDE",
            metavar="HOST:PORT",
            show_default=False,
            help="Where clients outside the containers find the broker.",
        ),
    ] = None,
) -> None:
    """Be one engine: the process of a container of headrace's image.

    Prepares the engine in its volume, waits for the engines it depends on, and becomes it. Others are
    called by the names of the services in deploy/compose. Secrets come from the environment and go into
    files of mode 600 in the volume.

    \b
    Example:
      headrace engine kafka --check
    """
    from headrace.engines.compose.roles import PORTS, ROLES

    if role not in ROLES:
        raise HeadraceError("usage", f"no engine is called {role}", hint=f"there are {', '.join(ROLES)}")
    if check:
        from headrace.engines import secret_files
        from headrace.engines.compose.ready import waits_for
        from headrace.engines.folder import ProjectFolder

        password = ""
        if role == "postgres":
            password = secret_files.embedded_password(ProjectFolder.of(directory))
        waited_for = waits_for(role, PORTS, project, password)
        if waited_for is not None:
            raise HeadraceError(
                "engine-not-ready",
                f"{role} does not serve yet",
                cause=f"waited for: {waited_for}",
                hint="look at the container's log",
            )
        output.answer(f"{role} serves")
        return
    from headrace.engines.compose.entry import Container, become

    container = Container(role, project, directory, heap_mb or None, kafka_outside)
    become(container, os.environ, output.note)
