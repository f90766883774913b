"""How the tables and the slots of a project stand: what `headrace status` shows below the engines.

Promise: reading only; what cannot be asked is said with its reason and hides nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.observe.slots import SlotWal, slot_wal
from headrace.observe.tables import TableStatus, table_status
from headrace.observe.told import not_looked_at, standing

if TYPE_CHECKING:
    from headrace.apply.project import Project


@dataclass(frozen=True)
class Overview:
    """One look.

    Attributes:
        tables: every generation, live ones first.
        tables_problem: why they could not be looked at.
        slots: with the WAL that is kept for them.
        slots_problem: why they could not be looked at.
    """

    tables: tuple[TableStatus, ...] = ()
    tables_problem: str | None = None
    slots: tuple[SlotWal, ...] = ()
    slots_problem: str | None = None


def overview(project: Project, *, tables: bool = True) -> Overview:
    """Look at tables and slots; what cannot be asked is a problem in it and no failure.

    Args:
        tables: False leaves them out: while engines start, they could say nothing yet.
    """
    try:
        found, tables_problem = _tables(project) if tables else (), None
    except HeadraceError as error:
        found, tables_problem = (), error.summary
    try:
        slots, slots_problem = _slots(project), None
    except HeadraceError as error:
        slots, slots_problem = (), error.summary
    return Overview(found, tables_problem, slots, slots_problem)


def _tables(project: Project) -> tuple[TableStatus, ...]:
    alerts, unknown = standing(project.directory), not_looked_at(project.directory)
    with project.connections() as connections:
        try:
            queries = connections.spark.jobs() if connections.spark is not None else None
        except HeadraceError as error:
            queries = error
        return tuple(
            table_status(project.name, connections.pinot, connections.kafka, alerts, unknown, queries)
        )


def _slots(project: Project) -> tuple[SlotWal, ...]:
    with SourceClient.connect(project.endpoints.source) as client:
        return slot_wal(client, project.name)
