"""Who reads the topics and how far they are: consumer groups, Pinot, Spark; and the connectors that write.

Promise: reading only; a system that cannot be asked is named with its reason and hides nobody else. A lag
counts to the last message there is: transaction markers behind it, which no reader is given, are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from headrace.errors import HeadraceError
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.probe import ConnectorStatus
from headrace.hops.capture.probe import status as connector_status
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.probe import consumers
from headrace.hops.topic.client import Edge, KafkaClient
from headrace.hops.topic.tail import TopicTail
from headrace.hops.transform.client import SparkClient
from headrace.hops.transform.probe import check, computed_below


class ReaderKind(StrEnum):
    """What sort of reader it is."""

    GROUP = "group"
    PINOT = "pinot"
    SPARK = "spark"


@dataclass(frozen=True)
class Position:
    """How far a reader is in one partition.

    Attributes:
        next: the offset it reads next; None when it does not say.
        end: behind the last message that is readable now.
        lag: offsets from `next` to `end`, 0 for a reader that has everything; None when that is not known.
    """

    topic: str
    partition: int
    next: int | None
    end: int | None
    state: str = ""

    @property
    def lag(self) -> int | None:
        if self.next is None or self.end is None:
            return None
        return max(0, self.end - self.next)


@dataclass(frozen=True)
class Reader:
    """A consumer group, a table of Pinot or a query of Spark.

    Attributes:
        name: of the group; of the physical table; of the query.
        served_name: what is queried by that name, for Pinot and Spark.
        generation: its number there.
        state: of the group or the query.
        members: consumers of the group.
        problem: why it could not be asked, or what it failed of.
    """

    kind: ReaderKind
    name: str
    positions: tuple[Position, ...] = ()
    served_name: str | None = None
    generation: str | None = None
    state: str = ""
    members: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Consumers:
    """Everybody who reads or writes; `problems` are pairs of a system and why it could not be asked."""

    readers: tuple[Reader, ...]
    connectors: tuple[ConnectorStatus, ...]
    problems: tuple[tuple[str, str], ...]


class Ends:
    """Behind the last message of each partition, looked up once.

    Args:
        kafka: None while it cannot be asked: then no end is known.
    """

    def __init__(self, kafka: KafkaClient | None) -> None:
        self._kafka = kafka
        self._stable: dict[str, Mapping[int, int]] = {}
        self._data: dict[tuple[str, int], int] = {}

    def position(self, topic: str, partition: int, at: int | None, state: str = "") -> Position:
        """A reader's position with the end beside it; the topic may be gone."""
        try:
            return Position(topic, partition, at, self._end(topic, partition, at), state)
        except HeadraceError as error:
            if error.code != "kafka-topic-missing":
                raise
            return Position(topic, partition, at, None, state)

    def partitions(self, topic: str) -> Iterable[int]:
        """The partitions of a topic."""
        return sorted(self._of(topic))

    def _of(self, topic: str) -> Mapping[int, int]:
        if self._kafka is None:
            return {}
        if topic not in self._stable:
            self._stable[topic] = self._kafka.offsets([topic], Edge.COMMITTED)[topic]
        return self._stable[topic]

    def _end(self, topic: str, partition: int, at: int | None) -> int | None:
        stable = self._of(topic).get(partition)
        if stable is None or self._kafka is None or (at is not None and at >= stable):
            return stable
        if (topic, partition) not in self._data:
            with TopicTail(self._kafka, topic, partition) as tail:
                last = tail.last_below(stable)
            self._data[topic, partition] = 0 if last is None else last.offset + 1
        return self._data[topic, partition]


def group_readers(kafka: KafkaClient, ends: Ends) -> list[Reader]:
    """Every consumer group of the cluster with what it has committed."""
    found: list[Reader] = []
    for group in kafka.groups():
        try:
            offsets = kafka.group_offsets(group)
            members = kafka.group_members(group)
        except HeadraceError as error:
            if error.code == "kafka-unreachable":
                raise
            # Some kinds of groups answer neither, and one may end meanwhile.
            found.append(Reader(ReaderKind.GROUP, group, problem=error.cause or error.summary))
            continue
        positions = tuple(
            ends.position(topic, partition, offset)
            for topic, partitions in sorted(offsets.items())
            for partition, offset in sorted(partitions.items())
        )
        found.append(Reader(ReaderKind.GROUP, group, positions, state=members.state, members=members.members))
    return found


def pinot_reader(pinot: PinotClient, generation: Generation, ends: Ends) -> Reader:
    """One physical table; of several replicas the slowest counts."""
    topic = generation.names.topic(generation.contract.table)
    known = consumers(pinot, generation.physical)
    positions: list[Position] = []
    for partition in sorted({*known, *ends.partitions(topic)}):
        replicas = known.get(partition, ())
        offsets = [one.offset for one in replicas if one.offset is not None]
        at = min(offsets) if offsets and len(offsets) == len(replicas) else None
        states = {one.state for one in replicas} or {"UNKNOWN"}
        state = "CONSUMING" if states == {"CONSUMING"} else ", ".join(sorted(states - {"CONSUMING"}))
        positions.append(ends.position(topic, partition, at, state))
    return Reader(
        ReaderKind.PINOT,
        generation.physical,
        tuple(positions),
        generation.served_name,
        generation.names.label,
        generation.status.value,
    )


def spark_readers(
    spark: SparkClient, kafka: KafkaClient, generations: Iterable[Generation], ends: Ends
) -> list[Reader]:
    """Every query of Spark; its position is what its newest result says that it has read."""
    known = {one.physical: one for one in generations}
    found: list[Reader] = []
    for name, status in sorted(spark.jobs().items()):
        job = spark.job(name)
        if job is None:
            continue
        reads, writes = (
            str(cast("dict[str, object]", job.document[end])["topic"]) for end in ("input", "output")
        )
        problem = None
        try:
            check(name, status)
            with TopicTail(kafka, writes) as results:
                at = computed_below(results)
            positions = (ends.position(reads, 0, at, status.state),)
        except HeadraceError as error:
            problem = f"{error.summary}: {error.cause}" if error.cause else error.summary
            positions = (Position(reads, 0, None, None, status.state),)
        one = known.get(name)
        found.append(
            Reader(
                ReaderKind.SPARK,
                name,
                positions,
                one.served_name if one else None,
                one.names.label if one else None,
                status.state,
                problem=problem,
            )
        )
    return found


def connectors(connect: ConnectClient) -> list[ConnectorStatus]:
    """Every connector of the workers, of whatever project."""
    found = (connector_status(connect, name) for name in sorted(connect.connectors()))
    return [one for one in found if one is not None]
