"""`headrace explain`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration
from headrace.errors import HeadraceError, HeadraceErrors

if TYPE_CHECKING:
    from headrace.spec.model import Declaration


def explain(
    view: Annotated[str, typer.Argument(metavar="VIEW", help="A view of headrace.yaml.", show_default=False)],
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Show what becomes of a view's SQL: its class, its state, what a change costs, each column.

    Asks PostgreSQL's catalogue for the types of the table's columns and changes nothing. SQL that no table
    could make right is refused without asking, each reason with its line and its remedy.

    \b
    Example:
      headrace explain revenue
    """
    from headrace.apply.contracts import source_contracts
    from headrace.hops.transform.explain import explain as explained
    from headrace.hops.transform.explain import text
    from headrace.hops.transform.views import compile_views, form_errors

    declaration, folder = open_declaration(project_directory)
    _require(declaration, view)
    errors = form_errors(declaration, view)
    if errors:
        raise HeadraceErrors(errors)
    contracts = source_contracts(declaration, folder)
    only = declaration.model_copy(update={"views": {view: declaration.views[view]}})
    found = explained(compile_views(only, contracts).required()[0])
    if json:
        output.answer_json({"ok": True, **found.as_dict()})
        return
    for label, line in text(found):
        output.answer(f"{label + ':':<11}{line}")
    output.answer("")
    output.answer(output.table(("column", "type", "sql", "kept"), found.columns))


def _require(declaration: Declaration, view: str) -> None:
    if view in declaration.views:
        return
    near = get_close_matches(view, declaration.views, n=1)
    known = ", ".join(declaration.views) or "none"
    raise HeadraceError(
        "view-missing",
        f"headrace.yaml declares no view {view}",
        hint=f"did you mean {near[0]}?" if near else f"declared views: {known}",
    )
