"""Finds one row on its path, and waits for it where that is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence

from headrace.apply.real import Connections
from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve.directory import Generation, look, resolve
from headrace.hops.serve.history import key_condition
from headrace.hops.source.fence import emit
from headrace.hops.source.row import canonical_key, wrong_key
from headrace.hops.topic.fence import FenceWatcher
from headrace.names import CaptureNames, TableName
from headrace.observe.row_key import plain_key
from headrace.observe.row_path import Clients, RowPath
from headrace.observe.trace import Place, Trace
from headrace.observe.whereabouts import verdict

SURE_S = 2.0
"""How long a fence is waited for when the look alone cannot tell a gap from a savepoint."""

LOOKS = 4
"""A row that changes under every one of so many looks is said to be changing."""

PAUSE_S = 0.05


def row_path(
    connections: Connections, table: TableName, served_name: str, key: Sequence[str], *, values: bool
) -> RowPath:
    """Where the row with this key is to be looked for.

    What the table looks like is known by Pinot; while that is down, by the source's catalogue.

    Raises:
        HeadraceError: `trace-key`, `served-table-unknown`, or Pinot's failure when the source is down too.
    """
    project = connections.systems.project
    served: Generation | None = None
    views: tuple[Generation, ...] = ()
    problem: str | None = None
    try:
        served = resolve(connections.pinot, project, served_name)
        live = look(connections.pinot, project).live().values()
        views = tuple(one for one in live if one.contract.origin is not None and one.source == table)
        contract, names = served.contract, served.capture
    except HeadraceError as error:
        if not error.code.startswith("pinot-"):
            raise
        problem = error.summary
        contract, names = from_the_source(connections, table, error)
    spelled = spelled_key(connections, contract, key)
    clients = Clients(
        connections.source, connections.kafka, connections.connect, connections.pinot, connections.spark
    )
    return RowPath(clients, contract, names, served, views, spelled, values, problem)


def trace_row(path: RowPath, connections: Connections, wait_s: float | None) -> Trace:
    """Look at every hop until it is clear where the row is.

    Args:
        wait_s: go on until the row's last change is everywhere, so long at most.
    """
    deadline = time.monotonic() + (wait_s or 0.0)
    found, looks = path.look(), 1
    while True:
        left_s = deadline - time.monotonic()
        place, fenced = verdict(found).place, found.capture.fenced
        if place is Place.CHANGING and (looks < LOOKS or left_s > 0):
            found, looks = path.look(), looks + 1
        elif not fenced and _needs_fence(found, place, left_s):
            # A transaction may come in parts: only behind a fence is its record surely the last of the row.
            if not _pass_fence(path, connections, max(left_s, SURE_S)):
                return path.look(found.source)
            found = path.look(found.source, fenced=True)
        elif place in (Place.TOPIC, Place.VIEWS) and left_s > 0:
            time.sleep(PAUSE_S)
            found = path.look(found.source, fenced=fenced)
        else:
            return found


def _needs_fence(found: Trace, place: Place, left_s: float) -> bool:
    if found.source.problem or found.topic.problem:
        return False
    return left_s > 0 or (place is Place.SOURCE and found.capture.runs)


def _pass_fence(path: RowPath, connections: Connections, timeout_s: float) -> bool:
    """Whether everything committed before this call is known to be in Kafka."""
    try:
        with FenceWatcher(connections.kafka, path.names.message_topic) as watcher:
            watcher.wait(connections.source.run(emit).token, timeout_s)
    except HeadraceError:
        return False
    return True


def from_the_source(
    connections: Connections, table: TableName, pinot: HeadraceError
) -> tuple[TableContract, CaptureNames]:
    """What a table looks like and which capture carries it, while Pinot cannot say it.

    Raises:
        HeadraceError: `pinot`, when the source cannot say it either.
    """
    inventory = connections.systems.inventory
    try:
        contracts = {contract.table: contract for contract in inventory.catalogue().contracts}
        carrying = [number for number, one in inventory.publications().items() if table in one.tables]
    except HeadraceError:
        raise pinot from None
    if table not in contracts or not carrying:
        raise pinot
    return contracts[table], CaptureNames(connections.systems.project, max(carrying))


def spelled_key(connections: Connections, contract: TableContract, key: Sequence[str]) -> tuple[str, ...]:
    """A key as PostgreSQL spells it, as far as that is known while it is down.

    Raises:
        HeadraceError: `trace-key`.
    """
    if len(key) != len(contract.key):
        raise wrong_key(contract)
    try:
        spelled = connections.source.run(lambda client: canonical_key(client, contract, key))
    except HeadraceError as error:
        if error.code == "trace-key":
            raise
        spelled = plain_key(contract, key)
    try:
        key_condition(contract, spelled)
    except (ValueError, ArithmeticError) as error:
        # Infinity and years Pinot does not have: such rows are set aside without a key.
        raise wrong_key(contract) from error
    return spelled
