"""Whether a generation still gets what is committed: before a switch the old one is made to stand still.

Promise: a table that left its capture's publication never comes back to it, so a generation that goes on
after something has gone on all the time before.
"""

from __future__ import annotations

import time

from headrace.apply.systems import Systems
from headrace.errors import HeadraceError, Where
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation, resolve

SWITCH_S = 15.0
"""A switch takes much less; what stands still for longer is not being switched."""

PAUSE_S = 0.05


def goes_on(systems: Systems, generation: Generation) -> bool:
    """Whether every change committed by now reaches a generation, sooner or later."""
    published = systems.inventory.publications().get(generation.names.number)
    return published is not None and generation.contract.table in published.tables


def await_switch(pinot: PinotClient, project: str, old: Generation) -> bool:
    """Wait until readers are sent to another generation; False when that does not happen."""
    deadline = time.monotonic() + SWITCH_S
    while resolve(pinot, project, old.served_name).physical == old.physical:
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_S)
    return True


def stands_still(generation: Generation) -> HeadraceError:
    """Why a generation cannot answer with everything that is committed by now."""
    return HeadraceError(
        "served-table-stands-still",
        f"`{generation.served_name}` gets no changes any more",
        cause=f"the publication of capture {generation.names.number} no longer publishes it",
        hint="`headrace apply` builds it anew; without --after the old rows are answered",
        where=Where(address=f"table:{generation.contract.table}"),
    )
