"""The proof that an initial snapshot is complete, and consistent with the stream that follows it.

Debezium reads the tables under the snapshot its new slot exported, and streams from the slot's consistent
point: nothing is missed, nothing repeated. That holds for the first attempt only. A second one reads over a
live slot, under no snapshot, and repeats rows. So a capture counts only if its one and only attempt came
through, and these witnesses, all committed with the rows in Kafka's transactions, must agree:

- the notifications: one STARTED, one COMPLETED, every table scanned, nothing aborted or skipped in between;
- the positions in the capture's own offsets topic: during the snapshot each carries the position it reads
  at, which in a first attempt is the slot's consistent point, and the present position in any other;
- the first row of each table, which carries it too; and no topic holds fewer records than rows were scanned.

The consistent point must have been read from the slot when it appeared, before streaming moved it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.hops.capture.failure import Failure
from headrace.hops.capture.probe import PAUSED, ConnectorStatus
from headrace.hops.topic.client import Edge, KafkaClient
from headrace.hops.topic.messages import Json, read
from headrace.hops.topic.resource import offset_topic
from headrace.names import CaptureNames, TableName

_INITIAL = "Initial Snapshot"


class Progress(Enum):
    """How an initial snapshot stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    BROKEN = "broken"


@dataclass(frozen=True)
class Verdict:
    """What can be said of an initial snapshot now.

    Attributes:
        progress: COMPLETE and BROKEN are final.
        rows: by table; exact for a table whose scan is over, else about what is in Kafka so far.
        reason: why it is broken, or what is waited for.
        failure: of the connector, when that is what broke it: unless it allows a restart, another capture
            will fare no better.
    """

    progress: Progress
    rows: Mapping[TableName, int] = field(default_factory=dict[TableName, int])
    reason: str = ""
    failure: Failure | None = None


class _Broken(Exception):
    """Found out in the middle of a look; its text is the reason."""


@dataclass(frozen=True)
class _Told:
    """What the notifications say."""

    started: bool
    completed: bool
    aborted: bool
    scanned: Mapping[str, int]


def verdict(
    client: KafkaClient,
    names: CaptureNames,
    contracts: Sequence[TableContract],
    consistent_point: int | None,
    *,
    connector: ConnectorStatus | None = None,
) -> Verdict:
    """Look at the initial snapshot of a capture; has no effect.

    Args:
        contracts: every table of the capture at its birth.
        consistent_point: `confirmed_flush_lsn` of the slot as it was when the slot appeared; None when
            nobody read it then: the snapshot can be followed but never be proven.
        connector: its status, so that a failed task is seen before Kafka can show it.
    """
    tables = [contract.table for contract in contracts]
    try:
        told = _notifications(client, names)
        rows = _rows(client, names, tables, told)
        if not told.completed:
            return _unfinished(told, rows, connector)
        if consistent_point is None:
            raise _Broken("nobody read the slot's consistent point when the slot appeared")
        _require_every_table(tables, told)
        witnesses = [
            *_positions(client, names, consistent_point),
            *_first_rows(client, names, tables, consistent_point),
        ]
        if not witnesses:
            raise _Broken("there is no row and no position to tell the first attempt from a second")
        _require_records(client, names, told)
    except _Broken as broken:
        return Verdict(Progress.BROKEN, {}, str(broken))
    except HeadraceError as error:
        if error.code != "kafka-topic-missing":
            raise
        return Verdict(Progress.RUNNING, {}, error.summary)
    return Verdict(Progress.COMPLETE, rows)


def _unfinished(told: _Told, rows: Mapping[TableName, int], connector: ConnectorStatus | None) -> Verdict:
    if connector is not None and connector.failure is not None:
        why = connector.failure
        return Verdict(Progress.BROKEN, rows, f"{why.summary} ({why.cause})", why)
    if told.aborted:
        if connector is None or not connector.is_healthy:
            return Verdict(Progress.BROKEN, rows, "the snapshot was aborted")
        # Its task fails, or begins a second time, in a moment: then the reason is known.
        return Verdict(Progress.RUNNING, rows, "the snapshot was aborted, its task has not said why")
    waiting = "the tables are being read" if told.started else "the connector has not begun to read"
    if connector is not None and connector.state == PAUSED:
        waiting = "the connector is paused"
    return Verdict(Progress.RUNNING, rows, waiting)


def _notifications(client: KafkaClient, names: CaptureNames) -> _Told:
    started = completed = aborted = False
    scanned: dict[str, int] = {}
    for record in read(client, names.notification_topic):
        document = record.document
        if document.get("aggregate_type") != _INITIAL:
            continue
        details = cast("dict[str, str]", document.get("additional_data") or {})
        kind = document["type"]
        if kind == "STARTED":
            if started:
                raise _Broken("the snapshot was begun a second time, over a live slot")
            started = True
        elif kind == "COMPLETED":
            if aborted:
                raise _Broken("the snapshot was aborted")
            completed = True
        elif kind == "SKIPPED" and not completed:  # after the completion it is what a restart says
            raise _Broken("the snapshot was skipped")
        elif kind == "ABORTED":
            aborted = True
        elif kind == "TABLE_SCAN_COMPLETED":
            if details.get("status") != "SUCCEEDED":
                raise _Broken(f"reading {details.get('scanned_collection')} failed")
            scanned[details["scanned_collection"]] = int(details["total_rows_scanned"])
    return _Told(started, completed, aborted, scanned)


def _rows(
    client: KafkaClient, names: CaptureNames, tables: Sequence[TableName], told: _Told
) -> dict[TableName, int]:
    reading = [table for table in tables if str(table) not in told.scanned]
    ends = client.offsets([names.topic(table) for table in reading], Edge.COMMITTED)
    rows = {table: sum(ends[names.topic(table)].values()) for table in reading}
    rows.update({t: told.scanned[str(t)] for t in tables if str(t) in told.scanned})
    return rows


def _require_every_table(tables: Sequence[TableName], told: _Told) -> None:
    missing = sorted({str(table) for table in tables} - set(told.scanned))
    if missing:
        raise _Broken(f"table {missing[0]} was not read")


def _positions(client: KafkaClient, names: CaptureNames, consistent_point: int) -> Iterator[str]:
    """Positions of the time of the snapshot that agree; one that does not breaks the proof."""
    topic = offset_topic(names)
    if any(client.offsets([topic], Edge.START)[topic].values()):
        raise _Broken("the positions of the time of the snapshot are not on record any more")
    with closing(read(client, topic)) as records:
        for record in records:
            offset = record.document
            if not offset:  # the first notifications come before there is a position
                continue
            if "snapshot" not in offset and "lsn_proc" in offset:
                return
            _require_point(offset, consistent_point, "a position")
            yield "position"
            if "snapshot" not in offset:
                return


def _first_rows(
    client: KafkaClient, names: CaptureNames, tables: Sequence[TableName], consistent_point: int
) -> Iterator[str]:
    for table in tables:
        with closing(read(client, names.topic(table))) as records:
            first = next(records, None)
            document: Json = first.document if first is not None else {}
        if document.get("op") == "r":
            _require_point(cast(Json, document["source"]), consistent_point, f"the first row of {table}")
            yield "row"


def _require_point(found: Json, consistent_point: int, what: str) -> None:
    if found.get("lsn") != consistent_point:
        raise _Broken(
            f"{what} carries log position {found.get('lsn')}, not the slot's consistent point"
            f" {consistent_point}: this was not the first attempt"
        )


def _require_records(client: KafkaClient, names: CaptureNames, told: _Told) -> None:
    for table, count in told.scanned.items():
        topic = names.topic(TableName.parse(table))
        if sum(client.offsets([topic], Edge.WRITTEN)[topic].values()) < count:
            raise _Broken(f"topic {topic} holds fewer records than the {count} rows that were read")
