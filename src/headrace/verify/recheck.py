"""The second look at rows that seemed to differ: key by key, with the history that Pinot stores.

Promise: a difference is reported only when the newest version of the key that the snapshot sees is not the
row, and what answers for the key is that version or a younger one; or when several rows answer for the key,
all of them seen by the snapshot, so that none is about to take another's place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headrace.contract import Kind
from headrace.endpoints import SourceAddress
from headrace.verify.normalise import RowText, pinot_texts, unescaped
from headrace.verify.served import Fields, ServedRows, Version
from headrace.verify.snapshot import SourceSnapshot, open_snapshot
from headrace.verify.verdict import Difference, Fault

BATCH = 1_000
ENOUGH = 1_000
"""So many confirmed differences are reported one by one; the rest of the suspects is only counted."""

PAUSE_S = 0.1


@dataclass
class Found:
    """What a second look came to.

    Attributes:
        differences: confirmed ones.
        undecided: keys that could not be decided before the deadline.
        unconfirmed: how many suspects were left when there were differences enough.
    """

    differences: tuple[Difference, ...] = ()
    undecided: list[Fields] = field(default_factory=list[Fields])
    unconfirmed: int = 0


@dataclass(frozen=True)
class Recheck:
    """Decides single keys.

    Attributes:
        behind_fence: sends a fence and gives Pinot's rows behind it; called within the snapshot.
        source: the operational database.
        text: the rows' texts.
    """

    behind_fence: Callable[[], ServedRows]
    source: SourceAddress
    text: RowText

    def decide(self, keys: list[Fields], deadline: float) -> Found:
        """Look at the keys until each is decided or the deadline (monotonic seconds) has passed."""
        found: dict[Fields, Difference] = {}
        left = keys
        while left:
            again: list[Fields] = []
            with open_snapshot(self.source, self.text.contract.table) as snapshot:
                served = self.behind_fence()
                look = _Look(snapshot, served, self._truncated(served, snapshot))
                for start in range(0, len(left), BATCH):
                    again += self._batch(left[start : start + BATCH], look, found)
                    if len(found) >= ENOUGH:
                        beyond = max(len(left) - start - BATCH, 0)
                        return Found(tuple(found.values()), [], len(again) + beyond)
            left = again
            if left and time.monotonic() > deadline:
                break
            if left:
                time.sleep(PAUSE_S)
        return Found(tuple(found.values()), left)

    def _truncated(self, served: ServedRows, snapshot: SourceSnapshot) -> Mapping[int, int]:
        """Partition to the offset of the last TRUNCATE there that the snapshot sees."""
        found: dict[int, int] = {}
        for txid, partition, offset in served.truncates():
            if snapshot.visibility.sees(txid):
                found[partition] = max(offset, found.get(partition, -1))
        return found

    def _batch(self, keys: list[Fields], look: _Look, found: dict[Fields, Difference]) -> list[Fields]:
        """Decide what can be decided; returns the rest."""
        # What answers now is asked first: a version stored later than that cannot have been it.
        answering = look.served.live(keys)
        stored = look.served.versions(keys)
        rows = look.snapshot.rows(self.text, keys)
        undecided: list[Fields] = []
        for key in keys:
            shown = answering.get(key, [])
            if len(shown) > 1:
                if look.settled(shown):
                    found[key] = _doubled(key, len(shown))
                else:
                    undecided.append(key)
                continue
            decided, version = look.version(stored.get(key, []), shown[0] if shown else None)
            if not decided:
                undecided.append(key)
                continue
            difference = self._judge(key, version, rows.get(key))
            if difference is not None:
                found[key] = difference
        return undecided

    def _judge(self, key: Fields, version: Version | None, source: list[str] | None) -> Difference | None:
        columns = [column.name for column in self.text.columns]
        if source is not None:
            for place, repair in self.text.source_converters().items():
                source[place] = repair(source[place])
        shown = _shown(key)
        if version is not None and version.kind == Kind.REJECT:
            return Difference(Fault.REJECTED, shown, reason=version.reason) if source is not None else None
        served = (
            pinot_texts(self.text)(version.row) if version is not None and version.kind == Kind.ROW else None
        )
        if source is None and served is None:
            return None
        one, other = _named(columns, source), _named(columns, served)
        if served is None:
            return Difference(Fault.MISSING, shown, source=one)
        if source is None:
            return Difference(Fault.EXTRA, shown, pinot=other)
        apart = tuple(
            name for name, left, right in zip(columns, source, served, strict=True) if left != right
        )
        return Difference(Fault.DIFFERENT, shown, apart, one, other) if apart else None


@dataclass(frozen=True)
class _Look:
    """One snapshot with Pinot behind its fence."""

    snapshot: SourceSnapshot
    served: ServedRows
    truncated: Mapping[int, int]

    def settled(self, shown: list[tuple[int, int]]) -> bool:
        """Whether the snapshot sees the transactions of all these rows: Pinot is done with them."""
        return all(self.snapshot.visibility.sees(txid) for txid, _ in shown)

    def version(self, stored: list[Version], shown: tuple[int, int] | None) -> tuple[bool, Version | None]:
        """Whether the key can be decided, and the version that must be the snapshot's row.

        Args:
            stored: all versions, oldest first.
            shown: `__txid` and `__offset` of the row that answered; None when none did.
        """
        sees = self.snapshot.visibility.sees
        seen = [
            one for one in stored if sees(one.txid) and one.offset > self.truncated.get(one.partition, -1)
        ]
        newest = seen[-1] if seen else None
        if shown is not None:
            if not sees(shown[0]) or (newest is not None and shown[1] == newest.offset):
                return True, newest
            # Pinot answers with something older than the newest version it stores.
            return True, next((one for one in stored if one.offset == shown[1]), None)
        if newest is None or newest.kind != Kind.ROW:
            return True, newest
        younger = [one for one in stored if one.offset > newest.offset]
        if any(one.kind != Kind.ROW for one in younger):
            return True, newest
        return not younger, None


def _shown(key: Fields) -> tuple[str, ...]:
    return tuple(unescaped(part) or "" for part in key)


def _doubled(key: Fields, rows: int) -> Difference:
    return Difference(Fault.DOUBLED, _shown(key), reason=f"{rows} rows in Pinot")


def _named(columns: list[str], fields: list[str] | None) -> tuple[tuple[str, str | None], ...]:
    if fields is None:
        return ()
    return tuple((name, unescaped(part)) for name, part in zip(columns, fields, strict=True))
