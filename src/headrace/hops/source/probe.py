"""Where the source is, how far behind its slots are, and whether their WAL is in danger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.endpoints import SourceAddress
from headrace.hops.source.client import SourceClient
from headrace.hops.source.slot import Slot, read_slots
from headrace.observe.watch import Alert, Severity

WATCH_INTERVAL_S = 2.0
NEARLY_LOST_FRACTION = 0.2
"""Of `max_slot_wal_keep_size`: less than that left is said aloud."""
RETAINED_WARNING_BYTES = 5_000_000_000
"""WAL kept by one slot of a server without a limit, from which on it is said aloud."""

SLOT_LOST = "slot-lost"
"""The code of the alert that changes are gone for good; its address is `slot:NAME`."""


def position(client: SourceClient) -> int:
    """The end of the WAL: everything acknowledged so far lies before it."""
    return int(client.value("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint"))


def slot_prefix(project: str) -> str:
    """How the names of a project's slots begin; `names.CaptureNames` makes them."""
    return f"headrace_{project}_"


def project_slots(client: SourceClient, project: str) -> list[Slot]:
    """The slots of a project's captures in this database, by name."""
    database = client.value("SELECT current_database()")
    prefix = slot_prefix(project)
    return [
        slot
        for slot in read_slots(client, prefix)
        if slot.name.removeprefix(prefix).isdigit() and slot.database == database
    ]


def wal_limit_bytes(client: SourceClient) -> int | None:
    """`max_slot_wal_keep_size`, None when it is unlimited."""
    setting = client.value("SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'")
    return None if setting is None or setting < 0 else int(setting) * 1024 * 1024


def slot_alerts(slots: Sequence[Slot], limit_bytes: int | None, *, running: bool = True) -> list[Alert]:
    """What is wrong or about to go wrong with slots; pure.

    Args:
        slots: as read.
        limit_bytes: the server's bound on kept WAL, None when there is none.
        running: whether connectors are meant to be running, so that an idle slot is a fault.
    """
    return [alert for slot in slots for alert in _slot_alerts(slot, limit_bytes, running)]


def _slot_alerts(slot: Slot, limit_bytes: int | None, running: bool) -> Iterator[Alert]:
    address = f"slot:{slot.name}"
    if slot.lost:
        reason = f" ({slot.reason})" if slot.reason else ""
        yield Alert(
            SLOT_LOST,
            f"PostgreSQL has thrown away WAL that {slot.name} still needed{reason}",
            Severity.CRITICAL,
            "`headrace apply` builds the tables anew; raise max_slot_wal_keep_size before",
            address,
        )
        return
    nearly = slot.wal_status == "unreserved" or (
        limit_bytes is not None
        and slot.safe_bytes is not None
        and slot.safe_bytes < limit_bytes * NEARLY_LOST_FRACTION
    )
    if nearly:
        yield Alert(
            "slot-nearly-lost",
            f"{slot.name} keeps {megabytes(slot.retained_bytes)} of WAL and is about to lose it",
            Severity.CRITICAL,
            "start the connector (`headrace up`), or at once: ALTER SYSTEM SET max_slot_wal_keep_size = …",
            address,
        )
    elif limit_bytes is None and slot.retained_bytes > RETAINED_WARNING_BYTES:
        yield Alert(
            "slot-keeps-wal",
            f"{slot.name} makes PostgreSQL keep {megabytes(slot.retained_bytes)} of WAL, without a limit",
            Severity.WARNING,
            "start the connector (`headrace up`), or give the slot up (`headrace destroy`)",
            address,
        )
    if running and not slot.active:
        yield Alert(
            "slot-inactive",
            f"nothing reads {slot.name}; {megabytes(slot.retained_bytes)} of WAL are kept for it",
            Severity.WARNING,
            "`headrace status` says how the connector is",
            address,
        )


def megabytes(size_bytes: int) -> str:
    """For people: `12 MB`, `3.4 GB`."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{max(size_bytes, 0) / 1e6:.0f} MB"


class WalGuard:
    """The watcher of a project's slots; opens its own session and keeps it."""

    name = "wal-guard"
    interval_s = WATCH_INTERVAL_S

    def __init__(self, address: SourceAddress, project: str) -> None:
        self._address = address
        self._project = project
        self._client: SourceClient | None = None

    def check(self) -> Sequence[Alert]:
        """The alerts of now; raises HeadraceError when the source does not answer, reconnects next time."""
        try:
            if self._client is None:
                self._client = SourceClient.connect(self._address)
            slots = project_slots(self._client, self._project)
            return slot_alerts(slots, wal_limit_bytes(self._client))
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """End the session; the next check opens another."""
        if self._client is not None:
            self._client.close()
        self._client = None
