"""Fences: points of the WAL that can be recognised in the stream."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from headrace.hops.source.client import SourceClient

PREFIX = "headrace.fence"
"""The prefix of a fence's logical message."""

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
