"""`headrace grants`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.endpoints import SourceAddress
    from headrace.hops.source.grants import Owner, Provider
    from headrace.names import TableName


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
    from headrace.engines.folder import ProjectFolder
    from headrace.engines.runtime import source_address
    from headrace.hops.source.grants import grants as statements

    declaration, directory = open_declaration(project_directory)
    tables = [declared.table for declared in declaration.declared]
    if declaration.embedded_source:
        if json:
            output.answer_json({"ok": True, "statements": []})
        output.note("the PostgreSQL that headrace runs itself needs no grants")
        return
    address = source_address(declaration, ProjectFolder.of(directory))
    owners, runs_it = _asked(address, tables)
    found = statements(role or address.user, address.database, tables, owners, runs_it=runs_it)
    if json:
        output.answer_json({"ok": True, "statements": found})
    else:
        output.answer("\n".join(found))


def _asked(
    address: SourceAddress, tables: list[TableName]
) -> tuple[Mapping[TableName, Owner] | None, Provider]:
    """The owners and who runs the server, as far as the source lets itself be asked already."""
    from headrace.hops.source.client import SourceClient
    from headrace.hops.source.grants import Provider, provider, read_owners

    try:
        with SourceClient.connect(address) as client:
            owners = read_owners(client, tables)
            return (owners if len(owners) == len(tables) else None), provider(client)
    except HeadraceError as error:
        output.warn(f"the source was not asked: {error.summary}", error.hint)
        return None, Provider.SELF
