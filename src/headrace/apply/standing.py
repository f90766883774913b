"""Whether a generation still gets what is committed: before a switch the old one is made to stand still.

Promise: a table that left its capture's publication never comes back to it, so a generation that goes on
after something has gone on all the time before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from headrace.apply.progress import silent, wait_until
from headrace.apply.systems import Systems
from headrace.errors import HeadraceError, Where
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation, resolve
from headrace.names import ViewNames

SWITCH_S = 15.0
"""A switch takes much less; what stands still for longer is not being switched."""

PAUSE_S = 0.05

COMPUTE_S = 120.0
"""For how long a view may stand still on its way to a fence: Spark's longest pauses are restarts."""


def goes_on(systems: Systems, generation: Generation) -> bool:
    """Whether every change committed by now reaches a generation, sooner or later."""
    published = systems.inventory.publications().get(generation.capture.number)
    if published is None or generation.source not in published.tables:
        return False
    if generation.contract.origin is None:
        return True
    number = generation.names.number
    return any(state.job for state in systems.views.states() if state.number == number)


def committed(systems: Systems, generation: Generation) -> Mapping[int, int]:
    """Offsets of a generation's own topic below which all lies that was committed before the call.

    Of a view the call returns once its query has computed that much.

    Raises:
        HeadraceError: `fence-timeout`; of `computed`.
    """
    reads = generation.capture.topic(generation.source)
    ends = systems.flow.fence(generation.capture, [reads])[reads]
    return ends if generation.contract.origin is None else computed(systems, generation, ends)


def computed(systems: Systems, generation: Generation, ends: Mapping[int, int]) -> Mapping[int, int]:
    """Wait until a view holds its table's topic below these offsets; where its own topic ends then.

    Raises:
        HeadraceError: what the query failed of; `wait-timeout`.
    """
    names, contract = generation.names, generation.contract
    assert isinstance(names, ViewNames)
    reads = generation.capture.topic(generation.source)

    def missing() -> str | None:
        return systems.views.not_yet_computed(names, contract, reads, ends)

    wait_until(missing, f"computing view {contract.served_name}", silent, timeout_s=COMPUTE_S, pause_s=0.002)
    return systems.views.ends(names, contract)


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
        cause=f"the publication of capture {generation.capture.number} no longer publishes "
        f"{generation.source}, or the query of the view is gone",
        hint="`headrace apply` builds it anew; without --after the old rows are answered",
        where=Where(address=f"table:{generation.contract.table}"),
    )
