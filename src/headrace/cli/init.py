"""`headrace init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json
from headrace.errors import HeadraceError, Where


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
    from headrace.spec.load import FILE_NAME, display_name, load_text
    from headrace.spec.starter import project_name, starter

    name = project if project is not None else project_name(directory.absolute().resolve().name)
    tables = table or ["orders"]
    path = directory / FILE_NAME
    _check_arguments(name, tables)
    text = starter(name, tables)
    load_text(text, file=str(path))
    _write(directory, path, text)
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


def _write(directory: Path, path: Path, text: str) -> None:
    from headrace.spec.schema import schema_text
    from headrace.spec.starter import SCHEMA_FILE

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        schema = directory / SCHEMA_FILE
        schema.parent.mkdir(exist_ok=True)
        # Data, logs and secrets will lie here: never to be committed.
        (schema.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        schema.write_text(schema_text(), encoding="utf-8")
    except FileExistsError as error:
        if path.exists() or path.is_symlink():
            raise HeadraceError(
                "init-exists",
                f"{path.name} is there already",
                hint="edit it, or name another folder: headrace init DIR",
                where=Where(str(path)),
            ) from None
        raise _not_writable(error, directory) from None
    except OSError as error:
        raise _not_writable(error, directory) from None


def _not_writable(error: OSError, directory: Path) -> HeadraceError:
    return HeadraceError(
        "init-not-writable",
        f"the folder {directory} cannot be written",
        cause=error.strerror,
        hint="name a folder of your own: headrace init DIR",
    )
