"""Row for row: is Pinot what PostgreSQL is, while both go on being written?

Promise: every row of the source at one moment is compared with what Pinot serves, by value, and nothing is
called a difference that a write in flight explains. No lock is taken but that of a SELECT, before which a
TRUNCATE waits, and nothing is written but fences.

How: a snapshot of PostgreSQL is opened, then a fence is sent, so that Pinot, asked behind the fence, holds
all that the snapshot holds. A row whose transaction the snapshot does not see is younger and is passed over.
What then differs is looked at again, key by key, at a new snapshot and a new fence, by the newest version
stored in Pinot that this snapshot sees: that one must be the row. Only what differs there is reported.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from hashlib import blake2b

from headrace.endpoints import SourceAddress
from headrace.hops.serve.client import PinotClient, after_option
from headrace.hops.serve.directory import Generation
from headrace.hops.source.client import SourceClient
from headrace.observe.drift import Drift, no_drift
from headrace.observe.tables import set_aside
from headrace.verify.fence import Fence
from headrace.verify.normalise import RowText, pinot_texts
from headrace.verify.recheck import Recheck
from headrace.verify.served import Fields, ServedRows
from headrace.verify.snapshot import SourceSnapshot, open_snapshot
from headrace.verify.verdict import TableVerdict

Say = Callable[[str, float, float], None]
"""Progress: what is done, rows so far, rows in all (0 = not known)."""


@dataclass(frozen=True)
class Audit:
    """Compares tables.

    Attributes:
        pinot: the cluster.
        source: the operational database; each snapshot is a session of its own.
        fence: how to wait for Pinot.
        decide_s: for how long rows that keep changing are looked at again.
        drift: tells how the source has changed, asked within the snapshot.
    """

    pinot: PinotClient
    source: SourceAddress
    fence: Fence
    decide_s: float = 20.0
    drift: Callable[[SourceClient, Generation], Drift] = no_drift

    def table(self, generation: Generation, say: Say | None = None) -> TableVerdict:
        """The verdict on one table."""
        started = time.monotonic()
        tell = say or _silent
        with open_snapshot(self.source, generation.contract.table) as snapshot:
            drift = self.drift(snapshot.client, generation)
            if not drift.comparable:
                return not_compared(generation, drift.reasons, time.monotonic() - started)
            text = RowText.of(generation.contract).without(drift.left_out)
            served = self._behind_fence(generation, text)
            differing, source_rows, pinot_rows = _compare(snapshot, served, tell)
        tell(f"looking again at {len(differing)} rows", 0, 0)
        recheck = Recheck(lambda: self._behind_fence(generation, text), self.source, text)
        found = recheck.decide(differing, time.monotonic() + self.decide_s)
        return TableVerdict(
            table=generation.contract.table,
            served_name=generation.served_name,
            physical=generation.physical,
            source_rows=source_rows,
            pinot_rows=pinot_rows,
            differences=found.differences,
            unconfirmed=found.unconfirmed,
            undecided=len(found.undecided),
            masked=tuple(column.name for column in text.columns if column.mask),
            seconds=time.monotonic() - started,
            inexact=(*drift.reasons, *set_aside(generation, self.pinot)),
            not_compared=tuple(sorted(drift.left_out)),
        )

    def _behind_fence(self, generation: Generation, text: RowText) -> ServedRows:
        offsets = self.fence(generation)
        return ServedRows(self.pinot, generation.physical, text, after_option(offsets))


def not_compared(generation: Generation, reasons: tuple[str, ...], seconds: float) -> TableVerdict:
    """The verdict on what has changed so much that no row of it can be compared."""
    return TableVerdict(
        table=generation.contract.table,
        served_name=generation.served_name,
        physical=generation.physical,
        source_rows=0,
        pinot_rows=0,
        differences=(),
        unconfirmed=0,
        undecided=0,
        masked=(),
        seconds=seconds,
        inexact=reasons,
        not_compared=tuple(column.name for column in generation.contract.columns),
        compared=False,
    )


def _silent(what: str, done: float, total: float) -> None:
    """No progress."""


def _compare(snapshot: SourceSnapshot, served: ServedRows, tell: Say) -> tuple[list[Fields], int, int]:
    """Keys that differ, and the rows read on both sides. Pinot is asked while PostgreSQL is read."""
    pages = _read_ahead(served)
    width = served.text.key_width
    repairs = served.text.source_converters()
    rows: dict[str, bytes] = {}
    for line in snapshot.lines(served.text):
        key, rest = _split(line, width, repairs)
        rows[key] = _digest(rest)
        if len(rows) % 50_000 == 0:
            tell("reading PostgreSQL", len(rows), 0)
    source_rows = len(rows)
    fields = pinot_texts(served.text)
    differing: list[str] = []
    pinot_rows = 0
    sees = snapshot.visibility.sees
    settled = snapshot.visibility.settled
    for page in pages:
        for row in page:
            found = fields(row)
            key = "\t".join(found[:width])
            there = rows.pop(key, None)
            txid = row[-1]
            if not (txid in settled or sees(int(str(txid)))) or there != _digest("\t".join(found[width:])):
                differing.append(key)
        pinot_rows += len(page)
        tell("comparing with Pinot", pinot_rows, source_rows)
    differing.extend(rows)
    unique = dict.fromkeys(differing)
    return [tuple(key.split("\t")) for key in unique], source_rows, pinot_rows


def _digest(text: str) -> bytes:
    """16 bytes for a row: two different rows have equal ones once in 2^128."""
    return blake2b(text.encode(), digest_size=16).digest()


def _split(line: str, width: int, repairs: dict[int, Callable[[str], str]]) -> tuple[str, str]:
    """Key and rest of a line of COPY."""
    if repairs:
        parts = line.split("\t")
        for place, repair in repairs.items():
            parts[place] = repair(parts[place])
        return "\t".join(parts[:width]), "\t".join(parts[width:])
    if width == 1:
        key, _, rest = line.partition("\t")
        return key, rest
    parts = line.split("\t", width)
    return "\t".join(parts[:width]), parts[width] if len(parts) > width else ""


def _read_ahead(served: ServedRows) -> Generator[list[list[object]]]:
    """The pages, the next one being fetched while one is worked on; a failure comes out here."""
    ready: queue.Queue[list[list[object]] | BaseException | None] = queue.Queue(maxsize=2)
    stop = threading.Event()

    def fetch() -> None:
        try:
            for page in served.read_pages():
                while not stop.is_set():
                    try:
                        ready.put(page, timeout=0.2)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    thread = threading.Thread(target=fetch, name="verify-pinot", daemon=True)
    thread.start()

    def pages() -> Generator[list[list[object]]]:
        try:
            while (item := ready.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()

    return pages()
