"""One row at every hop of its path: what each of them knows, where it is, and when; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.contract import Kind
from headrace.names import TableName


class Place(StrEnum):
    """How far the row's last change has come."""

    EVERYWHERE = "everywhere"
    NOWHERE = "nowhere"  # no hop knows the key
    SOURCE = "source"  # committed, not yet in Kafka
    TOPIC = "topic"  # in Kafka, not yet in Pinot
    VIEWS = "views"  # in Pinot, not yet in every view
    CHANGING = "changing"  # it was changed while it was looked for
    APART = "apart"  # hops that should agree do not
    UNKNOWN = "unknown"  # a hop that matters could not be asked


@dataclass(frozen=True)
class Change:
    """One record of the key, or a TRUNCATE.

    Attributes:
        partition, offset: its place in the table's topic.
        kind: of `headrace.contract.Kind`.
        op: Debezium's: r, c, u, d, t.
        lsn, txid: in the source.
        commit_time_ms: of the source; of a row of a snapshot, when that began.
        kafka_time_ms: when it was handed to Kafka; None when Kafka does not hold it any more.
    """

    partition: int
    offset: int
    kind: int
    op: str
    lsn: int
    txid: int
    commit_time_ms: int
    kafka_time_ms: int | None = None

    @property
    def leaves_row(self) -> bool:
        """Whether the source has a row after it."""
        return self.kind in (Kind.ROW, Kind.REJECT)

    @property
    def commit_to_kafka_ms(self) -> int | None:
        """None where there is no commit to measure from."""
        if self.kafka_time_ms is None or self.op == "r":
            return None
        return self.kafka_time_ms - self.commit_time_ms


@dataclass(frozen=True)
class SourceLook:
    """PostgreSQL; `problem` says why it could not be asked, here and below.

    Attributes:
        xmin: transaction, or part of one, that wrote the row; None when there is none.
        lsn: the end of the WAL.
        time_ms: PostgreSQL's clock.
        commit_time_ms: of that transaction; None where PostgreSQL does not remember.
        keeps_commit_times: `track_commit_timestamp` is on.
    """

    xmin: int | None = None
    lsn: int | None = None
    time_ms: int | None = None
    commit_time_ms: int | None = None
    keeps_commit_times: bool = False
    problem: str | None = None

    @property
    def present(self) -> bool:
        return self.xmin is not None


@dataclass(frozen=True)
class CaptureLook:
    """The connector and its slot.

    Attributes:
        connector, connector_state, task_state: as Connect says; None when it does not know it.
        slot: its name.
        confirmed_lsn, restart_lsn: of the slot; None without one.
        behind_bytes: WAL between what is confirmed and the end.
        in_snapshot: the first snapshot is not over.
        fenced: everything committed before the look at the source is in Kafka.
    """

    connector: str
    slot: str
    connector_state: str | None = None
    task_state: str | None = None
    confirmed_lsn: int | None = None
    restart_lsn: int | None = None
    behind_bytes: int | None = None
    in_snapshot: bool = False
    fenced: bool = False
    problem: str | None = None

    @property
    def runs(self) -> bool:
        return self.connector_state == self.task_state == "RUNNING"


@dataclass(frozen=True)
class TopicLook:
    """The table's topic.

    Attributes:
        newest: the newest record of the key, or the TRUNCATE behind it; None for none.
        ends: partition to the end of the log.
        bounded: records behind Pinot's position were too many to look at all.
    """

    topic: str
    newest: Change | None = None
    ends: Mapping[int, int] = field(default_factory=dict[int, int])
    bounded: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class ServeLook:
    """The live physical table in Pinot.

    Attributes:
        reached: partition to the next offset Pinot will read.
        newest: the newest stored version, or the TRUNCATE behind it.
        versions: how many versions of the key are stored, tombstones and rejects among them.
        answering: the offset of the version that a query gets; None when it gets none.
        segment, document, server: where the newest version lies.
        reason: why it was set aside.
    """

    physical: str | None = None
    reached: Mapping[int, int] = field(default_factory=dict[int, int])
    newest: Change | None = None
    versions: int = 0
    answering: int | None = None
    segment: str | None = None
    document: int | None = None
    server: str | None = None
    reason: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class ResultLook:
    """A result of a view that the record changed, and what it became.

    Attributes:
        key: in the view's words; None for a group, whose key is made of values, unless asked for.
    """

    key: str | None
    kind: int
    answers: bool


@dataclass(frozen=True)
class ViewLook:
    """A view on the table.

    Attributes:
        capture: whose topic it reads.
        computed_below: all records below this offset of the table's topic are in its results.
        behind_records: results that Pinot has not read yet; None when that is not known.
        changed: results that the record changed.
    """

    name: str
    capture: int
    computed_below: int | None = None
    behind_records: int | None = None
    changed: tuple[ResultLook, ...] = ()
    problem: str | None = None

    def holds(self, offset: int) -> bool | None:
        """Whether a query of it shows the record at that offset; None when that is not known."""
        if self.problem or self.computed_below is None or self.behind_records is None:
            return None
        return self.computed_below > offset and self.behind_records == 0


@dataclass(frozen=True)
class RowValues:
    """What the hops hold of the row; None where there is none.

    Attributes:
        columns: those that are carried and not masked, in the table's order.
        topic: as it stands in the envelope.
    """

    columns: tuple[str, ...]
    source: Mapping[str, str | None] | None = field(default=None, repr=False)
    topic: Mapping[str, object] | None = field(default=None, repr=False)
    serve: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Verdict:
    """Where the row's last change is, and a sentence without a full stop that says it to people."""

    place: Place
    sentence: str


@dataclass(frozen=True)
class Trace:
    """One row at every hop.

    Attributes:
        key: as PostgreSQL spells it, in the order of `key_columns`.
        values: only when they were asked for.
    """

    table: TableName
    key_columns: tuple[str, ...]
    key: tuple[str, ...]
    source: SourceLook
    capture: CaptureLook
    topic: TopicLook
    serve: ServeLook
    views: tuple[ViewLook, ...] = ()
    values: RowValues | None = None

    @property
    def newest(self) -> Change | None:
        """The newest change that Kafka or Pinot knows."""
        known = [one for one in (self.topic.newest, self.serve.newest) if one is not None]
        return max(known, key=lambda one: one.offset, default=None)
