"""Replication slots: what they hold back, whether they still hold it, and their end.

Debezium makes the slot (only then is its snapshot consistent with the stream); headrace reads and drops it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg

from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.refusal import without_values
from headrace.plan.resource import Document

DROP_TIMEOUT_S = 15.0
_TERMINATE_AFTER_S = 5.0
_PAUSE_S = 0.2

_SLOTS = """
SELECT to_jsonb(s) AS slot,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                            ELSE pg_current_wal_lsn() END, s.restart_lsn)::bigint AS retained_bytes,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                            ELSE pg_current_wal_lsn() END, s.confirmed_flush_lsn)::bigint AS lag_bytes,
       (s.restart_lsn - '0/0'::pg_lsn)::bigint AS restart_lsn,
       (s.confirmed_flush_lsn - '0/0'::pg_lsn)::bigint AS confirmed_flush_lsn
  FROM pg_replication_slots s
 WHERE s.slot_type = 'logical' AND starts_with(s.slot_name, %s)
 ORDER BY s.slot_name
"""


@dataclass(frozen=True)
class Slot:
    """A logical replication slot.

    Attributes:
        restart_lsn: from here on the WAL is kept; None once the slot is lost or not yet ready.
        confirmed_flush_lsn: the connector has everything before it; of a new slot the consistent point.
        retained_bytes: WAL kept because of it.
        lag_bytes: WAL written since what was confirmed.
        wal_status: `reserved`, `extended`, `unreserved` (may be removed at the next checkpoint) or `lost`.
        safe_bytes: WAL that may still be written before it is in danger; None without a limit.
        lost: it can never be used again.
        reason: why it was invalidated, where the server (17 and newer) says so.
    """

    name: str
    database: str
    plugin: str
    active: bool
    active_pid: int | None
    restart_lsn: int | None
    confirmed_flush_lsn: int | None
    retained_bytes: int
    lag_bytes: int
    wal_status: str | None
    safe_bytes: int | None
    lost: bool
    reason: str | None


def read_slots(client: SourceClient, prefix: str) -> list[Slot]:
    """The logical slots whose names begin so, of any database, by name."""
    return [_slot(row) for row in client.rows(_SLOTS, (prefix,))]


def read_slot(client: SourceClient, name: str) -> Slot | None:
    """That slot, or None."""
    return next((slot for slot in read_slots(client, name) if slot.name == name), None)


def drop_slot(client: SourceClient, name: str, *, timeout_s: float = DROP_TIMEOUT_S) -> None:
    """Drop the slot; nothing happens when it is gone already.

    Waits while it is in use. After some seconds the walsender that uses it is ended if it runs under our own
    role; somebody else's never. The connector must be gone before, or it would come back.
    """
    start = time.monotonic()
    while True:
        slot = read_slot(client, name)
        if slot is None:
            return
        _check_database(client, slot)
        if slot.active:
            _wait_or_terminate(client, slot, time.monotonic() - start, timeout_s)
            continue
        try:
            client.execute("SELECT pg_drop_replication_slot(%s)", (name,))
            return
        except psycopg.errors.UndefinedObject:
            return
        except psycopg.errors.ObjectInUse:
            _wait_or_terminate(client, slot, time.monotonic() - start, timeout_s)
        except psycopg.errors.InsufficientPrivilege as error:
            raise HeadraceError(
                "source-no-replication",
                f"this role may not drop the slot {name}",
                cause=without_values(error),
                hint="ALTER ROLE … REPLICATION, or drop it as an administrator: "
                f"SELECT pg_drop_replication_slot('{name}')",
            ) from error


def _check_database(client: SourceClient, slot: Slot) -> None:
    database = client.value("SELECT current_database()")
    if slot.database != database:
        raise HeadraceError(
            "slot-of-another-database",
            f"the slot {slot.name} belongs to the database {slot.database}, not to {database}",
            hint="two databases of one server need projects of different names",
        )


def _wait_or_terminate(client: SourceClient, slot: Slot, waited_s: float, timeout_s: float) -> None:
    if waited_s > timeout_s:
        raise HeadraceError(
            "slot-in-use",
            f"the slot {slot.name} is still in use by process {slot.active_pid}",
            hint=f"stop what reads it, then: SELECT pg_drop_replication_slot('{slot.name}')",
        )
    if waited_s > min(_TERMINATE_AFTER_S, timeout_s / 2) and slot.active_pid is not None:
        client.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid = %s AND usename = current_user AND backend_type = 'walsender'",
            (slot.active_pid,),
        )
    time.sleep(_PAUSE_S)


def _slot(row: dict[str, Any]) -> Slot:
    seen: dict[str, Any] = row["slot"]
    status = seen.get("wal_status")
    reason = seen.get("invalidation_reason")
    return Slot(
        name=seen["slot_name"],
        database=seen["database"],
        plugin=seen["plugin"],
        active=bool(seen["active"]),
        active_pid=seen.get("active_pid"),
        restart_lsn=row["restart_lsn"],
        confirmed_flush_lsn=row["confirmed_flush_lsn"],
        retained_bytes=row["retained_bytes"] or 0,
        lag_bytes=row["lag_bytes"] or 0,
        wal_status=status,
        safe_bytes=seen.get("safe_wal_size"),
        lost=status == "lost" or reason is not None or bool(seen.get("conflicting")),
        reason=reason,
    )


class SlotResource:
    """The slot of one capture, as the plan sees it: read and dropped, never made here."""

    def __init__(self, client: SourceClient, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def address(self) -> str:
        return f"slot:{self._name}"

    @property
    def desired(self) -> Document:
        return {"status": "usable"}

    def read(self) -> Document | None:
        slot = read_slot(self._client, self._name)
        if slot is None:
            return None
        return {"status": "lost" if slot.lost else "usable"}

    def apply(self) -> None:
        """Nothing: the connector makes its slot at its first start, and a lost one needs a new capture."""

    def delete(self) -> None:
        drop_slot(self._client, self._name)
