"""`headrace plan`."""

from __future__ import annotations

import json as json_format
import os
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory
from headrace.errors import ExitCode, HeadraceError


def plan(
    project_directory: ProjectDirectory = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Save the plan; `headrace apply FILE` runs that one."),
    ] = None,
    json: Json = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 3 when there is something to do.")
    ] = False,
) -> int:
    """Show what apply would change; changes nothing.

    Compares headrace.yaml with what PostgreSQL, Kafka Connect, Kafka and Pinot hold, and prints every change
    in the order in which apply makes it: + create, ~ change, ± rebuild, - remove, ! changed by somebody else.

    \b
    Examples:
      headrace plan
      headrace plan --out next.json && headrace apply next.json
    """
    from headrace.apply.project import open_project
    from headrace.plan.render import as_json, text

    found = open_project(project_directory).plan()
    if out is not None:
        save(out, as_json(found))
        output.note(f"saved to {out}")
    if json:
        output.answer_json(as_json(found))
    else:
        output.answer(text(found))
    return int(ExitCode.CHANGES_PRESENT if detailed_exitcode and not found.empty else ExitCode.DONE)


def save(path: Path, document: dict[str, object]) -> None:
    """Write a plan for `apply FILE`; readable by its owner only, though no secret is in it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise HeadraceError(
            "plan-not-saved",
            f"{path} cannot be written",
            cause=error.strerror,
            hint="name a file in a folder that exists and is yours",
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json_format.dump(document, file, indent=2, ensure_ascii=False)
        file.write("\n")
