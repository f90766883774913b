"""Asks for new generations: what `resync` and `compact` have in common.

A request is a note in the state: "the generation of this table must be above capture n". The next plan moves
the table; readers keep the old generation until the new one is complete, and the request is met by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from headrace.apply.state import State
from headrace.apply.systems import Systems
from headrace.names import TableName


def asked(systems: Systems, state: State, tables: Iterable[TableName]) -> State:
    """The state with the note that these tables are to start over.

    Asking again while the new generation is being built asks for one newer still.
    """
    wanted = tuple(tables)
    captures = max([state.next_capture - 1, *(served.capture for served in systems.inventory.served())])
    views = max([state.next_view - 1, *(view.number for view in systems.views.states())])
    above = {table: views if table.is_view else captures for table in wanted}
    return replace(state, resync_above={**state.resync_above, **above})
