"""The SQL that a least-privilege role needs, from what the source tells as far as it lets itself be asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headrace.engines.folder import ProjectFolder
from headrace.engines.runtime import source_address
from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.grants import Provider, grants, provider, read_owners
from headrace.spec.model import Declaration


@dataclass(frozen=True)
class Privileges:
    """What an administrator is to run.

    Attributes:
        statements: none for the PostgreSQL that headrace runs itself.
        not_asked: why the source was not asked who owns the tables: the SQL finds out where it is run.
    """

    statements: tuple[str, ...] = ()
    not_asked: HeadraceError | None = None


def privileges(declaration: Declaration, directory: Path, role: str | None = None) -> Privileges:
    """The statements for a role; for `source.user` when none is named. Changes nothing."""
    if declaration.embedded_source:
        return Privileges()
    tables = [declared.table for declared in declaration.declared]
    address = source_address(declaration, ProjectFolder.of(directory))
    owners, runs_it, not_asked = None, Provider.SELF, None
    try:
        with SourceClient.connect(address) as client:
            read = read_owners(client, tables)
            owners, runs_it = read if len(read) == len(tables) else None, provider(client)
    except HeadraceError as error:
        not_asked = error
    found = grants(role or address.user, address.database, tables, owners, runs_it=runs_it)
    return Privileges(tuple(found), not_asked)
