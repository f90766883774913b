"""A question to Pinot, and the wait for what must be in its answer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from headrace.apply.standing import await_switch, committed, goes_on, stands_still
from headrace.hops.serve.query import QueryClient, QueryResult, SwitchedError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.fence import await_wal

if TYPE_CHECKING:
    from headrace.apply.real import Connections


def ask(
    connections: Connections,
    project: str,
    sql: str,
    *,
    up_to_now: bool,
    after_lsn: int | None,
    timeout_s: float,
) -> QueryResult:
    """The answer; of `Project.query`."""
    systems = connections.systems
    client = QueryClient(connections.pinot, project)
    prepared = client.prepare(sql)
    if after_lsn is not None:
        with SourceClient.connect(connections.endpoints.source) as source:
            await_wal(source, after_lsn, timeout_s)  # a fence of any later moment lies behind it
    elif not up_to_now:
        return client.execute(prepared, timeout_s=timeout_s)
    while True:
        live = prepared.generation
        # Asked before the fence too: of a capture that is gone none would ever come back.
        if goes_on(systems, live):
            after = committed(systems, live)
            if goes_on(systems, live):
                # Switched away at this very moment: the new one has its own offsets.
                with suppress(SwitchedError):
                    return client.execute(prepared, after=after, timeout_s=timeout_s)
        if not await_switch(connections.pinot, project, live):
            raise stands_still(live)
        prepared = client.prepare(sql)
