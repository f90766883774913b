"""Asks for new generations: what `resync` and `compact` have in common.

A request is a note in the state: "the generation of this table must be above capture n". The next plan moves
the table; readers keep the old generation until the new one is complete, and the request is met by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from headrace.apply.state import StateStore
from headrace.apply.systems import Systems
from headrace.names import TableName


def ask_for_new_generation(systems: Systems, store: StateStore, tables: Iterable[TableName]) -> None:
    """Note that these tables are to start over; the caller holds the project's lock.

    Asking again while the new generation is being built asks for one newer still.
    """
    state = store.load()
    highest = max([state.next_capture - 1, *(served.capture for served in systems.inventory.served())])
    requests = {**state.resync_above, **dict.fromkeys(tables, highest)}
    store.save(replace(state, resync_above=requests))
