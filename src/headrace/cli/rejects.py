"""`headrace rejects`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory

if TYPE_CHECKING:
    from headrace.contract import TableContract
    from headrace.hops.serve.probe import Reject


def rejects(
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="All declared ones when absent.")
    ] = None,
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Show the rows that could not be carried exactly, by key, with the reason.

    Such a row is in no answer, and its table counts as not exact until the row is changed, deleted or taken
    again. A line without a key is a record that could not be read at all.

    \b
    Example:
      headrace rejects orders
    """
    from headrace.apply.project import open_project

    project = open_project(project_directory)
    found = project.rejects(project.named(text) for text in tables or [])
    if json:
        output.answer_json({"ok": True, "tables": [_document(*one) for one in found]})
        return
    rows = [
        (contract.table.shown, ", ".join(map(str, reject.key)) or "-", reject.reason, _lsn(reject.lsn))
        for contract, listed in found
        for reject in listed
    ]
    if rows:
        output.answer(output.table(("table", "key", "reason", "lsn"), rows))
    else:
        names = ", ".join(contract.table.shown for contract, _ in found)
        output.answer(
            f"no rejects: every row of {names} is carried exactly" if names else "no table is served"
        )


def _document(contract: TableContract, listed: tuple[Reject, ...]) -> dict[str, object]:
    return {
        "table": contract.table.shown,
        "key_columns": list(contract.key),
        "rejects": [
            {
                "key": list(reject.key),
                "reason": reject.reason,
                "lsn": _lsn(reject.lsn),
                "offset": reject.offset,
            }
            for reject in listed
        ],
    }


def _lsn(lsn: int) -> str:
    return output.lsn(lsn) or "-"
