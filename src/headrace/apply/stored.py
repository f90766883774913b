"""How much Pinot keeps of a table against how much of it is alive: what compaction would give back."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import resolve
from headrace.hops.serve.probe import stored


@dataclass(frozen=True)
class StoredRows:
    """Of one served table.

    Attributes:
        stored_rows: every version, tombstone and reject that is kept.
        live_rows: what a query counts.
        size_bytes: on the servers; None while they do not say.
    """

    served_name: str
    stored_rows: int
    live_rows: int
    size_bytes: int | None

    @property
    def dead_rows(self) -> int:
        """What a new generation would leave behind."""
        return max(0, self.stored_rows - self.live_rows)

    def as_dict(self) -> dict[str, object]:
        return {**vars(self), "dead_rows": self.dead_rows}


def stored_rows(pinot: PinotClient, project: str, served_name: str) -> StoredRows:
    """Ask Pinot; `served-table-unknown` when the table is not live."""
    live = resolve(pinot, project, served_name)
    found = stored(pinot, live.physical)
    return StoredRows(served_name, found.stored_rows, found.live_rows, found.size_bytes)
