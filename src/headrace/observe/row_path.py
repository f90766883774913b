"""Looks at one row at every hop, in the order of its path.

Promise: reading only; what a hop cannot say is said in its `problem` and stops nobody else. The source
is looked at first: what is missing behind it was committed before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, cast

from headrace.contract import Column, Conversion, Kind, TableContract
from headrace.errors import HeadraceError
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.probe import position as capture_position
from headrace.hops.capture.probe import status as connector_status
from headrace.hops.serve import history, texts
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.probe import positions
from headrace.hops.source import row as source_row
from headrace.hops.source.client import SourceClient
from headrace.hops.source.slot import read_slot
from headrace.hops.topic.client import Edge, KafkaClient
from headrace.hops.topic.messages import Record
from headrace.hops.topic.search import record_at, search
from headrace.hops.topic.tail import TopicTail
from headrace.hops.transform.client import SparkClient
from headrace.hops.transform.probe import check, computed_below
from headrace.names import CaptureNames
from headrace.observe.row_key import is_key
from headrace.observe.trace import (
    CaptureLook,
    Change,
    ResultLook,
    RowValues,
    ServeLook,
    SourceLook,
    TopicLook,
    Trace,
    ViewLook,
)

T = TypeVar("T")

_ELSEWHERE = 1 << 62
"""An offset behind the end of every partition: nothing is looked for there."""

GROUP = "g"
"""How the key of a group begins; those of rows hold the key of the row."""

REJECT_MARK = "__headrace_reject"
"""The field of an image that says why it is not the row (java/connect, RowGuard)."""


class Sessions(Protocol):
    """Runs work in a session of the source, and says PostgreSQL's refusals as HeadraceError."""

    def run(self, work: Callable[[SourceClient], T]) -> T: ...


@dataclass(frozen=True)
class Clients:
    """Of every system of one project; `spark` is None where nothing computes views."""

    source: Sessions
    kafka: KafkaClient
    connect: ConnectClient
    pinot: PinotClient
    spark: SparkClient | None


@dataclass(frozen=True)
class RowPath:
    """The path of one row.

    Attributes:
        clients: where to look.
        contract: the table.
        names: the capture that carries it.
        served: its live generation; None while Pinot cannot be asked, then `problem` says why.
        views: the live generations of views on it.
        key: as PostgreSQL spells it.
        values: whether to read the row's values too.
    """

    clients: Clients
    contract: TableContract
    names: CaptureNames
    served: Generation | None
    views: tuple[Generation, ...]
    key: tuple[str, ...]
    values: bool = False
    problem: str | None = None

    def look(self, at_source: SourceLook | None = None, *, fenced: bool = False) -> Trace:
        """Every hop once.

        Args:
            at_source: an earlier look at the source, to go on from.
            fenced: everything committed before that look is known to be in Kafka.
        """
        source, source_values = (at_source, None) if at_source else self._source()
        capture = replace(self._capture(source), fenced=fenced)
        serve = self._serve()
        topic, record = self._topic(serve)
        newest = max(
            (one for one in (topic.newest, serve.newest) if one), key=lambda one: one.offset, default=None
        )
        views = tuple(self._view(view, newest, topic) for view in self.views)
        values = None
        if self.values:
            if at_source is not None:
                source_values = self._source()[1]
            shown = tuple(_shown(self.contract))
            values = RowValues(shown, source_values, self._image(record), self._served_values(serve))
        return Trace(
            self.contract.table,
            self.contract.key,
            self.key,
            source,
            capture,
            topic,
            serve,
            views,
            values,
        )

    # -- source and capture ---------------------------------------------------------------------------------

    def _source(self) -> tuple[SourceLook, Mapping[str, str | None] | None]:
        try:
            row = self.clients.source.run(
                lambda client: source_row.look(client, self.contract, self.key, values=self.values)
            )
        except HeadraceError as error:
            return SourceLook(problem=error.summary), None
        look = SourceLook(row.xmin, row.lsn, row.time_ms, row.commit_time_ms, row.keeps_commit_times)
        return look, row.values if row.present else None

    def _capture(self, source: SourceLook) -> CaptureLook:
        found = CaptureLook(self.names.connector, self.names.slot)
        try:
            if not source.problem:
                slot = self.clients.source.run(lambda client: read_slot(client, self.names.slot))
                if slot is None:
                    found = replace(found, problem="its slot does not exist")
                else:
                    found = replace(
                        found,
                        confirmed_lsn=slot.confirmed_flush_lsn,
                        restart_lsn=slot.restart_lsn,
                        behind_bytes=slot.lag_bytes,
                        problem="its slot is lost" if slot.lost else None,
                    )
            status = connector_status(self.clients.connect, self.names.connector)
            if status is None:
                return found
            at = capture_position(self.clients.connect, self.names.connector)
        except HeadraceError as error:
            return replace(found, problem=error.summary)
        return replace(
            found,
            connector_state=status.state,
            task_state=status.task.state if status.task else None,
            in_snapshot=at.in_snapshot,
        )

    # -- serve ----------------------------------------------------------------------------------------------

    def _serve(self) -> ServeLook:
        if self.served is None:
            return ServeLook(problem=self.problem)
        pinot, physical = self.clients.pinot, self.served.physical
        try:
            # First how far it is: what is stored then holds at least all before.
            reached = positions(pinot, physical)
            stored = history.versions(pinot, physical, self.contract, self.key)
            emptied = history.truncate_behind(pinot, physical, stored[-1]) if stored else None
            answering = history.answering(pinot, physical, self.contract, self.key)
        except HeadraceError as error:
            return ServeLook(physical, problem=error.summary)
        if not stored:
            return ServeLook(physical, reached, answering=answering)
        newest = emptied or stored[-1]
        return ServeLook(
            physical=physical,
            reached=reached,
            newest=_stored(newest),
            versions=len(stored),
            answering=answering,
            segment=newest.segment,
            document=newest.document,
            server=newest.server,
            reason=newest.reason,
        )

    def _served_values(self, serve: ServeLook) -> Mapping[str, object] | None:
        from headrace.hops.serve.query import QueryClient  # brings a whole SQL parser with it

        if self.served is None or serve.answering is None:
            return None
        names = _shown(self.contract)
        quoted = ", ".join(_identifier(name) for name in names)
        condition = served_condition(self._key_columns, self.key, serve.answering)
        sql = f"SELECT {quoted} FROM {self.served.served_name} WHERE {condition}"  # noqa: S608
        try:
            rows = QueryClient(self.clients.pinot, self.names.project).run(sql).rows
        except HeadraceError:
            return None
        return dict(zip(names, rows[0], strict=True)) if rows else None

    # -- topic ----------------------------------------------------------------------------------------------

    def _topic(self, serve: ServeLook) -> tuple[TopicLook, Record | None]:
        topic = self.names.topic(self.contract.table)
        kafka, stored = self.clients.kafka, serve.newest
        try:
            start = dict(serve.reached)
            if stored is not None:
                others = set(range(self.contract.partitions)) - {stored.partition}
                start.update(dict.fromkeys(others, _ELSEWHERE))
            found = search(kafka, topic, self._is_key, start)
            newest, image = _newest(found.records, stored)
            if newest is None and stored is not None:
                image = record_at(kafka, topic, stored.partition, stored.offset)
                kafka_time_ms = None if image is None else image.timestamp_ms
                newest = replace(stored, kafka_time_ms=kafka_time_ms)
        except HeadraceError as error:
            return TopicLook(topic, problem=error.summary), None
        return TopicLook(topic, newest, found.ends, found.bounded), image

    def _is_key(self, key: Mapping[str, object]) -> bool:
        return is_key(self.contract, self.key, key)

    @property
    def _key_columns(self) -> Sequence[Column]:
        return [self.contract.column(name) for name in self.contract.key]

    def _image(self, record: Record | None) -> Mapping[str, object] | None:
        after = None if record is None else record.document.get("after")
        if not isinstance(after, dict):
            return None
        image = cast("dict[str, object]", after)
        return {name: image[name] for name in _shown(self.contract) if name in image}

    # -- views ----------------------------------------------------------------------------------------------

    def _view(self, view: Generation, newest: Change | None, topic: TopicLook) -> ViewLook:
        found = ViewLook(view.served_name, view.capture.number)
        if view.capture != self.names:
            return replace(found, problem=f"it still reads capture {view.capture.number}")
        if topic.problem:
            return replace(found, problem=topic.problem)
        results = view.names.topic(view.contract.table)
        try:
            with TopicTail(self.clients.kafka, results) as tail:
                computed = computed_below(tail)
            # The end after the last record was read: it lies below.
            ends = self.clients.kafka.offsets([results], Edge.COMMITTED)[results]
            reached = positions(self.clients.pinot, view.physical)
            found = replace(found, computed_below=computed, behind_records=_behind(ends, reached))
            if newest is not None:
                changed = history.results_of(self.clients.pinot, view.physical, newest.offset + 1)
                looks = (ResultLook(self._result_key(one.key), one.kind, one.answers) for one in changed)
                found = replace(found, changed=tuple(looks))
            if self.clients.spark is not None:
                check(view.physical, self.clients.spark.jobs().get(view.physical))
        except HeadraceError as error:
            return replace(found, problem=error.summary)
        return found

    def _result_key(self, key: str) -> str | None:
        return None if key.startswith(GROUP) and not self.values else key


def change_of(record: Record) -> Change:
    """What a record of the table's topic says, apart from values."""
    document = record.document
    source = cast("dict[str, int | None]", document.get("source") or {})
    op = str(document.get("op", ""))
    after = document.get("after")
    rejected = isinstance(after, dict) and cast("dict[str, object]", after).get(REJECT_MARK) is not None
    kind = {"d": Kind.DELETE, "t": Kind.TRUNCATE}.get(op, Kind.REJECT if rejected else Kind.ROW)
    return Change(
        partition=record.partition,
        offset=record.offset,
        kind=kind,
        op=op,
        lsn=_number(source.get("lsn")),
        txid=_number(source.get("txId")),
        commit_time_ms=_number(source.get("ts_ms")),
        kafka_time_ms=record.timestamp_ms,
    )


def _newest(records: Sequence[Record], stored: Change | None) -> tuple[Change | None, Record | None]:
    """The newest change among records behind what is stored; a TRUNCATE counts where there was a row."""
    newest: Change | None = None
    image: Record | None = None
    for record in sorted(records, key=lambda one: one.offset):
        known = newest or stored
        if known is not None and (record.partition != known.partition or record.offset <= known.offset):
            continue
        if record.key is None and known is None:
            continue
        newest, image = change_of(record), record
    return newest, image


def _stored(version: history.StoredVersion) -> Change:
    return Change(
        version.partition,
        version.offset,
        version.kind,
        version.op,
        version.lsn,
        version.txid,
        version.commit_time_ms,
    )


def _behind(ends: Mapping[int, int], reached: Mapping[int, int]) -> int | None:
    if set(ends) - set(reached):
        return None
    return sum(max(0, end - reached[partition]) for partition, end in ends.items())


def served_condition(columns: Sequence[Column], key: Sequence[str], answering: int) -> str:
    """What finds the answering row in the words of `headrace query`.

    By its key; where a column of the key is of a type that is not compared there (citext), by its place too.
    """
    pairs = list(zip(columns, key, strict=True))
    sure = [(column, value) for column, value in pairs if texts.is_comparable(column, value)]
    parts = [f"{_identifier(column.name)} = {_constant(column, value)}" for column, value in sure]
    if len(sure) < len(pairs):
        parts.append(f"__offset = {answering}")
    return " AND ".join(parts)


def _shown(contract: TableContract) -> list[str]:
    return [column.name for column in contract.columns if column.mask is None]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _constant(column: Column, value: str) -> str:
    if column.conversion is Conversion.DECIMAL_TEXT:
        value = history.plain_decimal(value)
    return "'" + value.replace("'", "''") + "'"


def _number(value: int | None) -> int:
    return -1 if value is None else int(value)
