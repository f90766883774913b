"""`headrace init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json
from headrace.errors import HeadraceError


def init(
    directory: Annotated[
        Path,
        typer.Argument(envvar="HEADRACE_PROJECT_DIR", metavar="DIR", help="Folder of the new project."),
    ] = Path(),
    project: Annotated[
        str | None,
        typer.Option(
            "--project",
            metavar="NAME",
            show_default=False,
            help="Name of the project. Default: the folder's.",
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            "-t",
            metavar="NAME",
            show_default=False,
            help="A table to carry; may be repeated. Default: orders.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a commented headrace.yaml to start from. An existing one is never touched.

    \b
    Example:
      headrace init shop --table orders --table sales.customers
    """
    from headrace.spec import begin
    from headrace.spec.load import display_name
    from headrace.spec.starter import project_name

    name = project if project is not None else project_name(directory.absolute().resolve().name)
    tables = table or ["orders"]
    _check_arguments(name, tables)
    path = begin.init(directory, name, tables)
    if json:
        output.answer_json({"ok": True, "file": str(path.absolute()), "project": name, "tables": tables})
        return
    output.answer(f"wrote {display_name(path)}: project {name}, tables {', '.join(tables)}")
    output.note("next: name your tables in it, then `headrace validate` and `headrace up`")


def _check_arguments(project: str, tables: list[str]) -> None:
    """The same checks as for the file, with the words of the command line."""
    from pydantic import ValidationError

    from headrace.spec.model import Declaration

    try:
        Declaration.model_validate({"project": project, "tables": tables})
    except ValidationError as failure:
        fault = failure.errors(include_input=False)[0]
        option = "--project" if fault["loc"][0] == "project" else "--table"
        raise HeadraceError(
            "usage", f"{option}: {fault['msg']}", hint=str((fault.get("ctx") or {}).get("hint", ""))
        ) from None
