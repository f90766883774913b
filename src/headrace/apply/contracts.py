"""The contracts of the declared tables as the source has them now, for commands that need nothing else."""

from __future__ import annotations

from pathlib import Path

from headrace.contract import Refusal, TableContract
from headrace.endpoints import SourceAddress
from headrace.engines import runtime
from headrace.engines.folder import ProjectFolder
from headrace.errors import HeadraceError, HeadraceErrors, Where
from headrace.hops.source.catalog import contracts
from headrace.hops.source.client import SourceClient
from headrace.spec.model import Declaration


def source_contracts(declaration: Declaration, folder: Path) -> list[TableContract]:
    """The contracts in the declaration's order; asks PostgreSQL's catalogue and changes nothing.

    Raises:
        HeadraceErrors: every table that cannot be carried.
        HeadraceError: the source cannot be reached; `engines-not-running` where it is ours.
    """
    with SourceClient.connect(_address(declaration, folder)) as client:
        found, refusals = contracts(client, declaration)
    if refusals:
        raise HeadraceErrors([refused(declaration, refusal) for refusal in refusals])
    return found


def _address(declaration: Declaration, folder: Path) -> SourceAddress:
    """Somebody's own PostgreSQL needs no engine of ours to be asked."""
    if declaration.embedded_source:
        return runtime.endpoints(declaration, folder).source
    return runtime.source_address(declaration, ProjectFolder.of(folder))


def refused(declaration: Declaration, refusal: Refusal) -> HeadraceError:
    """A refusal of the catalogue as an error with its line in headrace.yaml."""
    place = declaration.where(declaration.declared_table(refusal.table).address)
    column = f", column {refusal.column}" if refusal.column else ""
    return HeadraceError(
        refusal.code,
        f"{refusal.table}{column}: {refusal.reason}",
        hint=refusal.hint,
        where=Where(place.file, place.line, f"table:{refusal.table}"),
    )
