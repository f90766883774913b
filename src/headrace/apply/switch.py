"""Which generation readers get.

Promise: of several live generations the newest counts, so the one write that makes the new one live is the
switch; a crash after it leaves an older live generation that nobody is sent to; the next plan removes it.

No key goes back at a switch. Before it the old generation is made to stand still: its capture no longer
publishes the table, so all it can ever show was committed before a point of the WAL. The new one is made
live once it has indexed everything up to and beyond that point. In between readers get answers that grow
older: one table at a time, for as long as one fence takes.

An old generation that stands still never goes on again, for it lacks rows: a run that dies in between is
finished by the next one, and when the new generation turns out broken yet another one is built
(`plan.captures.why_broken`). Readers have the old rows until then.
"""

from __future__ import annotations

from headrace.apply.birth import catch_up
from headrace.apply.progress import Progress
from headrace.apply.systems import Systems
from headrace.errors import HeadraceError
from headrace.names import CaptureNames, TableName
from headrace.plan.model import ServedState, Status


def switch(systems: Systems, table: TableName, capture: int, progress: Progress) -> None:
    """Make a generation live, then close the ones before it. Idempotent.

    Raises:
        HeadraceError: `generation-gone`; `source-table-locked` when the old one cannot be stopped.
    """
    generations = [s for s in systems.inventory.served() if s.table == table]
    new = next((s for s in generations if s.capture == capture), None)
    if new is None:
        raise HeadraceError(
            "generation-gone",
            f"the new generation of {table} was removed while it was being built",
            hint="run `headrace apply` again; readers still have the old one",
        )
    live = [s for s in generations if s.capture < capture and s.status is Status.LIVE]
    if new.status is not Status.LIVE:
        if live:
            _overtake(systems, live, new, progress)
        systems.flow.set_status(_physical(systems, new), Status.LIVE)
    for old in live:
        systems.flow.set_status(_physical(systems, old), Status.RETIRED)


def close(systems: Systems, table: TableName) -> None:
    """Send readers to no generation of a table any more. Idempotent."""
    for generation in systems.inventory.served():
        if generation.table == table and generation.status is not Status.RETIRED:
            systems.flow.set_status(_physical(systems, generation), Status.RETIRED)


def _physical(systems: Systems, generation: ServedState) -> str:
    return CaptureNames(systems.project, generation.capture).pinot_table(generation.served_name)


def _overtake(systems: Systems, live: list[ServedState], new: ServedState, progress: Progress) -> None:
    """Wait until the new generation has all that readers can have seen."""
    for old in live:
        systems.flow.stand_still(CaptureNames(systems.project, old.capture), old.table)
    names = CaptureNames(systems.project, new.capture)
    catch_up(systems.flow, names, {new.table: new.served_name}, progress)
