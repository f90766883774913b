"""`headrace apply`."""

from __future__ import annotations

import json as json_format
import time
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from headrace.cli import output
from headrace.cli.confirm import confirm
from headrace.cli.options import Json, ProjectDirectory, Yes
from headrace.errors import HeadraceError, Where


def apply(
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLANFILE]", help="A plan saved by `headrace plan --out`.")
    ] = None,
    project_directory: ProjectDirectory = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make the declaration true on the running engines.

    Shows the plan, asks, and runs its stages. Interrupted or killed, it is run again and goes on. A saved
    plan runs without a question, and is refused when the declaration or the world changed since.

    \b
    Examples:
      headrace apply
      headrace apply --yes --json
    """
    from headrace.apply.project import open_project
    from headrace.cli.run_lines import show
    from headrace.plan.render import as_json, summary, text

    project = open_project(project_directory)
    began = time.monotonic()
    if plan_file is None:
        found = project.plan()
        if not found.empty:
            output.note(text(found))
            confirm("Apply this?", "yes", yes=yes)
        expected = as_json(found)
    else:
        expected = read_plan(plan_file)
    done = project.apply(expected, show)
    if json:
        output.answer_json(
            {"ok": True, "elapsed_s": round(time.monotonic() - began, 3), "plan": as_json(done)}
        )
    elif done.empty:
        output.answer(summary(done))
    else:
        count = len(done.changes)
        changes = "1 change" if count == 1 else f"{count} changes"
        output.answer(f"Applied {changes} in {time.monotonic() - began:.1f} s: all is as declared.")


def read_plan(path: Path) -> dict[str, object]:
    """A saved plan; `plan-unreadable` for anything else."""
    try:
        document: Any = json_format.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, type(error).__name__) from None
    if not isinstance(document, dict) or "stages" not in document:
        raise _unreadable(path, "it holds no plan")
    return cast("dict[str, object]", document)


def _unreadable(path: Path, cause: str) -> HeadraceError:
    return HeadraceError(
        "plan-unreadable",
        "the saved plan cannot be read",
        cause=cause,
        hint="write it with `headrace plan --out FILE`",
        where=Where(file=str(path)),
    )
