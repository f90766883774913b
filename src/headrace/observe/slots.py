"""How much WAL PostgreSQL keeps for a project, and how far that may go."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.hops.source.client import SourceClient
from headrace.hops.source.probe import project_slots, wal_limit_bytes


@dataclass(frozen=True)
class SlotWal:
    """What one slot of a project keeps.

    Attributes:
        name: in PostgreSQL.
        active: whether the connector reads it now.
        kept_bytes: WAL that is kept because of it.
        unconfirmed_bytes: WAL written since the place up to which the connector confirmed that Kafka has all.
        limit_bytes: `max_slot_wal_keep_size`: beyond it the slot is lost; None without a limit.
        wal_status: PostgreSQL's word: `reserved`, `extended`, `unreserved` or `lost`.
    """

    name: str
    active: bool
    kept_bytes: int
    unconfirmed_bytes: int
    limit_bytes: int | None
    wal_status: str | None


def slot_wal(client: SourceClient, project: str) -> tuple[SlotWal, ...]:
    """The slots of a project's captures, by name; one query for the slots and one for the limit."""
    limit_bytes = wal_limit_bytes(client)
    return tuple(
        SlotWal(
            slot.name,
            slot.active,
            slot.retained_bytes,
            slot.lag_bytes,
            limit_bytes,
            "lost" if slot.lost else slot.wal_status,
        )
        for slot in project_slots(client, project)
    )
