"""Fences: points of the WAL that can be recognised in the stream."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.probe import position
from headrace.lsn import lsn_text

PREFIX = "headrace.fence"
"""The prefix of a fence's logical message."""

AWAIT_PAUSE_S = 0.02

HEARTBEAT_PREFIX = "headrace.heartbeat"
"""The prefix of a heartbeat's logical message."""


@dataclass(frozen=True)
class Fence:
    """Every transaction whose commit was acknowledged before `emit` was called stands before it.

    Attributes:
        lsn: where the message itself stands.
        token: what the message says, unique.
    """

    lsn: int
    token: str


def emit(client: SourceClient) -> Fence:
    """Write a fence in a transaction of its own, never within another one.

    A transactional message takes its place in commit order: once it is seen, so is all that was committed
    before. It needs no table, no publication and no privilege.
    """
    token = str(uuid.uuid4())
    lsn = client.value(
        "SELECT (pg_logical_emit_message(true, %s, %s) - '0/0'::pg_lsn)::bigint", (PREFIX, token)
    )
    return Fence(int(lsn), token)


def await_wal(client: SourceClient, lsn: int, timeout_s: float) -> None:
    """Return once PostgreSQL has written its WAL up to a point.

    Raises:
        HeadraceError: `wal-not-written` with how far it is after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while (written := position(client)) < lsn:
        if time.monotonic() > deadline:
            raise HeadraceError(
                "wal-not-written",
                f"PostgreSQL has not written its WAL up to {lsn_text(lsn)}",
                cause=f"it has come to {lsn_text(written)}",
                hint="see that the point is one of this server: SELECT pg_current_wal_lsn(); or wait longer:"
                " --timeout",
            )
        time.sleep(AWAIT_PAUSE_S)
