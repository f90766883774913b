"""Is a view what PostgreSQL answers to the same SQL, while the table goes on being written?

Promise: the whole result at one moment of PostgreSQL is compared with what the view was at that moment, by
value, and nothing is called a difference that a write in flight explains. No lock is taken but that of
a SELECT, before which a TRUNCATE waits, and nothing is written but fences.

How: a snapshot of PostgreSQL is opened between two fences. The records of the table around them are told
apart by their transactions: those the snapshot sees, then those it does not. Where the first of the others
stands is the moment in the table's topic; each result carries the offset it is computed up to, and Pinot
keeps the older ones, so the view can be read as it was there. Should commits have become visible in another
order than they were logged, there is no such place, and another snapshot is taken.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import cast

from headrace.contract import VERSION_COLUMN, Kind, ViewContract
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError, Where
from headrace.hops.serve.client import PinotClient, after_option
from headrace.hops.serve.dialect import text as literal
from headrace.hops.serve.directory import Generation
from headrace.hops.source.client import SourceClient
from headrace.hops.topic import messages
from headrace.hops.topic.client import Edge, KafkaClient
from headrace.observe.drift import Drift, no_drift
from headrace.observe.tables import set_aside
from headrace.verify.audit import Say, not_compared
from headrace.verify.normalise import RowText, pinot_texts, unescaped
from headrace.verify.served import MAX_LIMIT, ServedRows
from headrace.verify.snapshot import Visibility, open_snapshot
from headrace.verify.verdict import Difference, Fault, TableVerdict

ATTEMPTS = 20
KEYS_PER_QUERY = 1_000
REPORTED = 1_000
LOGGED_BEFORE_VISIBLE = 5_000
"""Records before the first fence that are looked at for commits the snapshot does not see yet."""

KINDS = 8
"""A stored version is the version times this, plus the kind of the record."""

Offsets = Mapping[int, int]


@dataclass(frozen=True)
class ViewAudit:
    """Compares views.

    Attributes:
        pinot, kafka: the clusters.
        source: the operational database; each snapshot is a session of its own.
        fence: offsets of the table's topic below which everything committed before the call lies.
        computed: waits until a view holds the table's topic below such offsets, and tells where its own topic
            ends then.
        drift: tells how the table has changed, asked within the snapshot.
    """

    pinot: PinotClient
    kafka: KafkaClient
    source: SourceAddress
    fence: Callable[[Generation], Offsets]
    computed: Callable[[Generation, Offsets], Offsets]
    drift: Callable[[SourceClient, Generation], Drift] = no_drift

    def view(self, generation: Generation, view: ViewContract, say: Say | None = None) -> TableVerdict:
        """The verdict on one view.

        Raises:
            HeadraceError: `verify-view-outdated` when readers still get an older definition;
                `verify-no-moment` when writes leave no moment to compare at.
        """
        origin = generation.contract.origin
        if origin is None or origin.shape != view.shape:
            raise HeadraceError(
                "verify-view-outdated",
                f"readers of {generation.served_name} still get an older definition of it",
                hint="run `headrace apply` first",
                where=Where(address=f"view:{generation.served_name}"),
            )
        started = time.monotonic()
        tell = say or _silent
        text = RowText.of(generation.contract)
        for _ in range(ATTEMPTS):
            first = self.fence(generation)[0]
            with open_snapshot(self.source, view.base) as snapshot:
                tell("asking PostgreSQL", 0, 0)
                drift = self.drift(snapshot.client, generation)
                try:
                    source = Counter(snapshot.answer(_result_only(text), view.sql))
                except HeadraceError as error:
                    if not drift.reasons or error.code != "verify-source":
                        raise
                    return not_compared(generation, drift.reasons, time.monotonic() - started)
                last = self.fence(generation)[0]
            moment = self._moment(generation, first, last, snapshot.visibility)
            if moment is None:
                continue
            tell("comparing with Pinot", 0, 0)
            ends = self.computed(generation, {0: last})
            history = _History(self.pinot, generation, text, ends)
            served = history.at(moment)
            inexact = (*drift.reasons, *set_aside(generation, self.pinot))
            verdict = _verdict(generation, view, text, source, served, time.monotonic() - started)
            return replace(verdict, inexact=inexact)
        raise HeadraceError(
            "verify-no-moment",
            f"no moment was found at which {generation.served_name} could be compared",
            cause="transactions become visible in another order than they are logged, again and again",
            hint="run it again when less is written",
            where=Where(address=f"view:{generation.served_name}"),
        )

    def _moment(self, generation: Generation, first: int, last: int, sees: Visibility) -> int | None:
        """The offset of the first record the snapshot does not see; None when there is no such place.

        A commit is logged a moment before it is visible, longer where it waits for a standby: the snapshot
        may miss what stands before the first fence, so the search begins some records earlier.
        """
        topic = generation.capture.topic(generation.source)
        oldest = self.kafka.offsets([topic], Edge.START)[topic][0]
        begin = max(oldest, first - LOGGED_BEFORE_VISIBLE)
        if begin == last:
            return last
        moment: int | None = None
        # Before the oldest record nothing is hidden; before another one a transaction may have begun.
        seen_before = begin == oldest
        for record in messages.read(self.kafka, topic, start={0: begin}):
            if record.offset >= last:
                break
            source = cast("dict[str, int]", record.document.get("source") or {})
            seen = sees.sees(source.get("txId") or -1)
            if moment is not None:
                if seen:
                    return None
            elif seen:
                seen_before = True
            elif not seen_before:
                return None
            else:
                moment = record.offset
        return last if moment is None else moment


@dataclass(frozen=True)
class _Served:
    """The result as it was: its rows, the keys of what could not be computed, and of what is there twice."""

    rows: Counter[str]
    rejected: tuple[tuple[str, str], ...]
    doubled: tuple[str, ...]


@dataclass(frozen=True)
class _History:
    """A view in Pinot, with its past."""

    pinot: PinotClient
    generation: Generation
    text: RowText
    ends: Offsets

    def at(self, moment: int) -> _Served:
        """The result computed from the table's records below `moment`."""
        now = ServedRows(self.pinot, self.generation.physical, self.text, after_option(self.ends))
        rows: dict[str, str] = {}
        doubled: dict[str, None] = {}
        # What answers now comes first: whatever changes later is among the changed keys.
        fields = pinot_texts(self.text)
        for page in now.read_pages(VERSION_COLUMN):
            for row in page:
                key = str(row[0])
                if key in rows:
                    doubled[key] = None
                rows[key] = "\t".join(fields(row)[1:])
        changed, emptied = self._changed(now, moment)
        for key in changed:
            rows.pop(key, None)
            doubled.pop(key, None)  # replaced while it was read
        rejected: dict[str, str] = {}
        past = self._past(now, None if emptied else changed, moment)
        if emptied:
            rows.clear()
            doubled.clear()
        for key, kind, row, reason in past:
            if kind == Kind.ROW:
                rows[key] = row
            elif kind == Kind.REJECT:
                rejected[key] = reason
        rejected |= self._rejected(now, moment)
        return _Served(Counter(rows.values()), tuple(sorted(rejected.items())), tuple(doubled))

    def _changed(self, now: ServedRows, moment: int) -> tuple[list[str], bool]:
        """Keys with a version from behind the moment; and whether everything was emptied since."""
        later = f"{VERSION_COLUMN} >= {(moment + 1) * KINDS}"
        found = now.ask(
            f'SELECT __key, __kind FROM "{self.generation.physical}" WHERE {later} LIMIT {MAX_LIMIT}',  # noqa: S608
            {"skipUpsert": "true"},
        )
        keys = dict.fromkeys(str(row[0]) for row in found)
        return list(keys), any(int(str(row[1])) == Kind.TRUNCATE for row in found)

    def _past(
        self, now: ServedRows, keys: list[str] | None, moment: int
    ) -> Generator[tuple[str, int, str, str]]:
        """Key, kind, row and reason of the newest versions that are not behind the moment.

        Args:
            keys: of those keys; None for all.
        """
        bound = f"{VERSION_COLUMN} < {(moment + 1) * KINDS}"
        conditions = [bound]
        if keys is not None:
            batches = [keys[start : start + KEYS_PER_QUERY] for start in range(0, len(keys), KEYS_PER_QUERY)]
            conditions = [f"{bound} AND __key IN ({', '.join(map(literal, batch))})" for batch in batches]
        fields, names = pinot_texts(self.text), self.text.pinot_fields()
        floor = max((at for at in self._emptied(now) if at < (moment + 1) * KINDS), default=-1)
        newest: dict[str, tuple[int, int, str, str]] = {}
        for condition in conditions:
            sql = (
                f"SELECT {names}, __kind, __reject, __offset, {VERSION_COLUMN} "  # noqa: S608
                f'FROM "{self.generation.physical}" WHERE {condition} LIMIT {MAX_LIMIT}'
            )
            for row in now.ask(sql, {"skipUpsert": "true"}):
                kind, reason, _, version = row[self.text.width :]
                if int(str(kind)) == Kind.TRUNCATE or int(str(version)) < floor:
                    continue
                key = str(row[0])
                entry = (int(str(version)), int(str(kind)), "\t".join(fields(row)[1:]), str(reason))
                if key not in newest or newest[key][0] <= entry[0]:
                    newest[key] = entry
        for key, (_, kind, row, reason) in newest.items():
            yield key, kind, row, reason

    def _emptied(self, now: ServedRows) -> list[int]:
        sql = (
            f'SELECT {VERSION_COLUMN} FROM "{self.generation.physical}" '  # noqa: S608
            f"WHERE __kind = {Kind.TRUNCATE} LIMIT {MAX_LIMIT}"
        )
        return [int(str(row[0])) for row in now.ask(sql, {"skipUpsert": "true"})]

    def _rejected(self, now: ServedRows, moment: int) -> dict[str, str]:
        """What could not be computed as of the moment."""
        sql = (
            f'SELECT __key FROM "{self.generation.physical}" '  # noqa: S608
            f"WHERE __kind = {Kind.REJECT} LIMIT {MAX_LIMIT}"
        )
        keys = list(dict.fromkeys(str(row[0]) for row in now.ask(sql, {"skipUpsert": "true"})))
        return {key: reason for key, kind, _, reason in self._past(now, keys, moment) if kind == Kind.REJECT}


def _verdict(
    generation: Generation,
    view: ViewContract,
    text: RowText,
    source: Counter[str],
    served: _Served,
    seconds: float,
) -> TableVerdict:
    names = [column.name for column in text.columns[1:]]
    missing, extra = list((source - served.rows).elements()), list((served.rows - source).elements())
    differences = [
        *(Difference(Fault.MISSING, (), source=_named(names, row)) for row in missing[:REPORTED]),
        *(Difference(Fault.EXTRA, (), pinot=_named(names, row)) for row in extra[:REPORTED]),
        *(
            Difference(Fault.DOUBLED, (key,), reason="several rows in Pinot")
            for key in served.doubled[:REPORTED]
        ),
        *(Difference(Fault.REJECTED, (key,), reason=reason) for key, reason in served.rejected[:REPORTED]),
    ]
    return TableVerdict(
        table=view.table,
        served_name=generation.served_name,
        physical=generation.physical,
        source_rows=source.total(),
        pinot_rows=served.rows.total(),
        differences=tuple(differences),
        unconfirmed=sum(
            max(len(all_of_a_kind) - REPORTED, 0)
            for all_of_a_kind in (missing, extra, served.doubled, served.rejected)
        ),
        undecided=0,
        masked=(),
        seconds=seconds,
    )


def _named(names: list[str], row: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((name, unescaped(part)) for name, part in zip(names, row.split("\t"), strict=True))


def _result_only(text: RowText) -> RowText:
    """The columns PostgreSQL knows: not the key, which is made for Pinot."""
    return replace(text, columns=text.columns[1:])


def _silent(what: str, done: float, total: float) -> None:
    """No progress."""
