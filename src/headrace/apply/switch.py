"""Which generation readers get.

Promise: of several live generations the newest counts, so the one write that makes the new one live is the
switch; a crash after it leaves an older live generation that nobody is sent to; the next plan removes it.

The new generation holds everything committed before the switch was begun. In the moment of the switch it can
be some milliseconds behind what the old one, which went on until then, has answered last.
"""

from __future__ import annotations

from headrace.apply.systems import Systems
from headrace.errors import HeadraceError
from headrace.names import TableName
from headrace.plan.model import Status


def switch(systems: Systems, table: TableName, capture: int) -> None:
    """Make a generation live, then close the ones before it. Idempotent."""
    generations = [s for s in systems.inventory.served() if s.table == table]
    new = next((s for s in generations if s.capture == capture), None)
    if new is None:
        raise HeadraceError(
            "generation-gone",
            f"the new generation of {table} was removed while it was being built",
            hint="run `headrace apply` again; readers still have the old one",
        )
    if new.status is not Status.LIVE:
        systems.flow.set_status(new, Status.LIVE)
    for old in generations:
        if old.capture < capture and old.status is Status.LIVE:
            systems.flow.set_status(old, Status.RETIRED)


def close(systems: Systems, table: TableName) -> None:
    """Send readers to no generation of a table any more. Idempotent."""
    for generation in systems.inventory.served():
        if generation.table == table and generation.status is not Status.RETIRED:
            systems.flow.set_status(generation, Status.RETIRED)
