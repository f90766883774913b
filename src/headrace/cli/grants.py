"""`headrace grants`."""

from __future__ import annotations

from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration


def grants(
    project_directory: ProjectDirectory = None,
    role: Annotated[
        str | None,
        typer.Option("--role", metavar="ROLE", help="The role headrace connects as. Default: `source.user`."),
    ] = None,
    json: Json = False,
) -> None:
    """Print the SQL a least-privilege role needs; changes nothing.

    An administrator runs it in the source's database, as often as wanted. PostgreSQL lets only owners publish
    a table or set its replica identity, so the role becomes a member of the tables' owners; tables of a
    superuser are handed to a role without login first. If the source cannot be asked who owns the tables, the
    SQL finds out where it is run.

    \b
    Example:
      headrace grants | psql -h db.example.com -U admin shop
    """
    from headrace.apply.privileges import privileges

    declaration, directory = open_declaration(project_directory)
    found = privileges(declaration, directory, role)
    if found.not_asked is not None:
        output.warn(f"the source was not asked: {found.not_asked.summary}", found.not_asked.hint)
    if json:
        output.answer_json({"ok": True, "statements": list(found.statements)})
    if declaration.embedded_source:
        output.note("the PostgreSQL that headrace runs itself needs no grants")
    elif not json:
        output.answer("\n".join(found.statements))
