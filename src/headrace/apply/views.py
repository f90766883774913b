"""A new generation of a view: waiting until it shows everything, and sending readers to it.

Promise: as for tables (`switch.py`): one write is the switch, of several live generations the newest counts,
and no row goes back. The old generation's query is stopped first, so that all it can ever show was committed
before a point of the WAL; the new one becomes live once it shows everything up to that point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headrace.apply.birth import INDEX_STALL_S
from headrace.apply.progress import Progress, wait_until
from headrace.apply.systems import Systems
from headrace.errors import HeadraceError
from headrace.names import CaptureNames, TableName, ViewNames
from headrace.plan.model import Status, ViewState
from headrace.plan.views import ViewHome

BUILD_STALL_S = 900.0


def catch_up_view(systems: Systems, home: ViewHome, progress: Progress) -> None:
    """Wait until a generation of a view answers with all that was committed before this call.

    Raises:
        HeadraceError: what its query failed of; `wait-timeout` when it makes no progress.
    """
    names, contract = ViewNames(systems.project, home.number), home.contract
    capture = CaptureNames(systems.project, home.capture)
    reads = capture.topic(home.view.base)
    ends = systems.flow.fence(capture, [reads])[reads]
    view = home.view.table.table

    def missing() -> str | None:
        return systems.views.not_yet_computed(names, contract, reads, ends)

    wait_until(missing, f"computing view {view}", progress, timeout_s=BUILD_STALL_S)
    physical = names.pinot_table(contract.served_name)
    results = systems.views.ends(names, contract)
    what = f"waiting for Pinot to index {physical}"
    wait_until(_indexed(systems, physical, results), what, progress, timeout_s=INDEX_STALL_S)


def _indexed(systems: Systems, physical: str, ends: Mapping[int, int]) -> Callable[[], str | None]:
    return lambda: systems.flow.not_yet_indexed(physical, ends)


def switch_view(systems: Systems, home: ViewHome, progress: Progress) -> None:
    """Make a generation of a view live, then close the ones before it. Idempotent.

    Raises:
        HeadraceError: `generation-gone`; of `catch_up_view`.
    """
    view = home.view.table
    states = [s for s in systems.views.states() if s.view == view and s.status is not None]
    new = next((s for s in states if s.number == home.number), None)
    if new is None:
        raise HeadraceError(
            "generation-gone",
            f"the new generation of view {view.table} was removed while it was being built",
            hint="run `headrace apply` again; readers still have the old one",
        )
    live = [s for s in states if s.number < home.number and s.status is Status.LIVE]
    if new.status is not Status.LIVE:
        if live:
            for old in live:
                _stop(systems, old)
            catch_up_view(systems, home, progress)
        systems.flow.set_status(_physical(systems, new), Status.LIVE)
    for old in live:
        systems.flow.set_status(_physical(systems, old), Status.RETIRED)


def close_view(systems: Systems, view: TableName) -> None:
    """Send readers to no generation of a view any more. Idempotent."""
    for state in systems.views.states():
        if state.view == view and state.status not in (None, Status.RETIRED):
            systems.flow.set_status(_physical(systems, state), Status.RETIRED)


def _stop(systems: Systems, state: ViewState) -> None:
    names = ViewNames(systems.project, state.number)
    if state.job and state.contract is not None:
        systems.views.job(names, state.contract, None, "").delete()


def _physical(systems: Systems, state: ViewState) -> str:
    return ViewNames(systems.project, state.number).pinot_table(state.served_name)
