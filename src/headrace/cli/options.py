"""The options that mean the same on every command; a command takes them as parameter types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output

if TYPE_CHECKING:
    from headrace.spec.model import Declaration

ProjectDirectory = Annotated[
    Path | None,
    typer.Option(
        "--project-dir",
        "-C",
        envvar="HEADRACE_PROJECT_DIR",
        metavar="DIR",
        show_default=False,
        help="Folder of headrace.yaml. Default: the nearest one upward from here.",
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        envvar="HEADRACE_JSON",
        is_eager=True,
        callback=output.want_json,
        help="Print one JSON document on stdout, errors too.",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        envvar="HEADRACE_TIMEOUT",
        metavar="SECONDS",
        min=0.1,
        help="Give up waiting after so many seconds.",
    ),
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", envvar="HEADRACE_YES", help="Do not ask for confirmation."),
]


def declaration_path(project_directory: Path | None) -> Path:
    """headrace.yaml of `--project-dir`, or the nearest one upward; `declaration-missing` if none."""
    from headrace.spec import load

    if project_directory is None:
        return load.find(Path.cwd())
    return load.in_directory(project_directory)


def open_declaration(project_directory: Path | None) -> tuple[Declaration, Path]:
    """The checked declaration and the folder it lies in; HeadraceErrors with every failure of the file."""
    from headrace.spec import load

    path = declaration_path(project_directory)
    return load.load(path), path.parent
