"""`--target`, which every command that works on a project takes without knowing of it."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from headrace.engines.target import VARIABLE

WITH_ENGINES_OF_THEIR_OWN = ("demo", "bench")
"""Commands that start engines without being told of a project."""


def add_target(command: Any, *, always: bool = False) -> None:
    """Give a command, and those below it, the option beside its `--project-dir`.

    Args:
        command: of typer.
        always: also where it has no such option.
    """
    inner = getattr(command, "commands", {}).values()
    for one in inner:
        add_target(one, always=always)
    at = [position for position, one in enumerate(command.params, 1) if one.name == "project_directory"]
    if at or (always and not inner):
        command.params.insert(at[0] if at else 0, _option())


def _keep(value: str | None) -> None:
    """The engines' own code reads it, also in processes that are started from here."""
    if value is not None:
        os.environ[VARIABLE] = value


def _model(
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            envvar=VARIABLE,
            metavar="TARGET",
            is_eager=True,
            callback=_keep,
            show_default=False,
            help="Where the engines run: native or compose. `up` keeps it for the others.",
        ),
    ] = None,
) -> None:
    raise AssertionError


def _option() -> Any:
    application = typer.Typer(add_completion=False)
    application.command()(_model)
    command: Any = typer.main.get_command(application)
    option = next(one for one in command.params if one.name == "target")
    option.expose_value = False
    return option
