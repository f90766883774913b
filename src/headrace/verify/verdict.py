"""What an audit found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headrace.names import TableName


class Fault(StrEnum):
    """How a row differs."""

    MISSING = "missing"  # in PostgreSQL, not in Pinot
    EXTRA = "extra"  # in Pinot, not in PostgreSQL
    DIFFERENT = "different"  # in both, with another value
    DOUBLED = "doubled"  # in Pinot more than once under one key
    REJECTED = "rejected"  # in PostgreSQL; could not be carried exactly, set aside


@dataclass(frozen=True)
class Difference:
    """One row that differs.

    Attributes:
        fault: how.
        key: the texts of the key columns. A user's values: print them, never log them.
        columns: the columns that differ, for DIFFERENT.
        source, pinot: column to text on each side, None for NULL; empty where there is no row.
        reason: why it was set aside, for REJECTED; how often it is there, for DOUBLED.
    """

    fault: Fault
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()
    source: tuple[tuple[str, str | None], ...] = ()
    pinot: tuple[tuple[str, str | None], ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class TableVerdict:
    """The verdict on one table.

    Attributes:
        table, served_name, physical: which.
        source_rows: rows in the snapshot.
        pinot_rows: rows read from Pinot while writes went on.
        differences: confirmed ones.
        unconfirmed: rows that looked different and were too many to be looked at again one by one.
        undecided: rows that kept changing until the time was up.
        masked: columns of which only NULL or not was compared.
        seconds: how long it took.
        inexact: why the table is not exact whatever its rows say, in the words of `headrace status`.
        not_compared: carried columns that the source does not have any more as they were.
        compared: False when no row could be compared at all.
    """

    table: TableName
    served_name: str
    physical: str
    source_rows: int
    pinot_rows: int
    differences: tuple[Difference, ...]
    unconfirmed: int
    undecided: int
    masked: tuple[str, ...]
    seconds: float
    inexact: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    compared: bool = True

    @property
    def equal(self) -> bool:
        """Every row of the source is in Pinot as it is, and nothing else is, in the columns compared."""
        return self.compared and not (self.differences or self.unconfirmed or self.undecided)

    @property
    def exact(self) -> bool:
        """Equal, and nothing else speaks against it, as `status` says too."""
        return self.equal and not self.inexact

    def count(self, fault: Fault) -> int:
        """Confirmed differences of one kind."""
        return sum(1 for difference in self.differences if difference.fault is fault)
