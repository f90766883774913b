"""`--target`, which every command that works on a project takes without knowing of it."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from headrace.engines.target import VARIABLE


def add_target(command: Any) -> None:
    """Give a command, and those below it, the option beside its `--project-dir`."""
    for inner in getattr(command, "commands", {}).values():
        add_target(inner)
    at = [position for position, one in enumerate(command.params) if one.name == "project_directory"]
    if at:
        command.params.insert(at[0] + 1, _option())


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
