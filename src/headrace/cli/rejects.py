"""`headrace rejects`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory

if TYPE_CHECKING:
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
    from headrace.hops.serve import probe
    from headrace.hops.serve.directory import look

    project = open_project(project_directory)
    wanted = {project.named(text) for text in tables or []}
    with project.connections() as connections:
        live = look(connections.pinot, project.name).live()
        found = {
            generation.contract.table.shown: (
                generation.contract.key,
                probe.rejects(connections.pinot, generation.physical, generation.contract.key),
            )
            for generation in live.values()
            if not wanted or generation.contract.table in wanted
        }
    if json:
        output.answer_json({"ok": True, "tables": [_document(table, *rest) for table, rest in found.items()]})
        return
    rows = [
        (table, ", ".join(map(str, reject.key)) or "-", reject.reason, _lsn(reject.lsn))
        for table, (_, listed) in found.items()
        for reject in listed
    ]
    if rows:
        output.answer(output.table(("table", "key", "reason", "lsn"), rows))
    else:
        output.answer("no rejects: every row of these tables is carried exactly")


def _document(table: str, key: tuple[str, ...], listed: tuple[Reject, ...]) -> dict[str, object]:
    return {
        "table": table,
        "key_columns": list(key),
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
    return "-" if lsn < 0 else f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
