"""Where the topics have got to: ends, starts, fences, and whether a log is shorter than it must be.

Offsets are those of the *next* record. Transaction markers occupy offsets too, so a reader may never see a
record at `end - 1`; it is through all the same once its position has passed the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headrace.errors import HeadraceError, Where
from headrace.hops.topic.client import Edge, KafkaClient, Offsets


def end_offsets(client: KafkaClient, topics: Iterable[str]) -> dict[str, dict[int, int]]:
    """The last stable offset of every partition: everything below it is committed or aborted for good."""
    return client.offsets(topics, Edge.COMMITTED)


def start_offsets(client: KafkaClient, topics: Iterable[str]) -> dict[str, dict[int, int]]:
    """The oldest offset that retention has left in every partition."""
    return client.offsets(topics, Edge.START)


def fence_offsets(
    client: KafkaClient, topics: Iterable[str], *, timeout_s: float = 30.0
) -> dict[str, dict[int, int]]:
    """Offsets below which every row lies that was committed before a fence, once the fence has been seen.

    The fence's record can be readable a moment before the rows of the same Kafka transaction are: the
    markers that end a transaction are written partition by partition. Hence the end of what is *written* is
    taken, and then waited for until all below it is decided.

    Raises:
        HeadraceError: `fence-timeout` when a transaction stays open that long.
    """
    wanted = tuple(topics)
    written = client.offsets(wanted, Edge.WRITTEN)
    deadline = time.monotonic() + timeout_s
    while True:
        committed = client.offsets(wanted, Edge.COMMITTED)
        late = [
            topic
            for topic, ends in written.items()
            for partition, end in ends.items()
            if committed[topic][partition] < end
        ]
        if not late:
            return written
        if time.monotonic() > deadline:
            raise HeadraceError(
                "fence-timeout",
                f"a Kafka transaction has been open for {timeout_s:.0f} s on topic {late[0]}",
                hint="Kafka Connect died in the middle of it; see `headrace status`",
                where=Where(address=f"topic:{late[0]}"),
            )
        time.sleep(0.002)


@dataclass(frozen=True)
class LogLoss:
    """A partition that no longer holds what was read from it or has to be read from it."""

    topic: str
    partition: int
    reason: str


@dataclass(frozen=True)
class LogEdges:
    """Where logs begin, where what is written in them ends, and the ids of topics.

    A topic that is not there is in none of them.
    """

    starts: Offsets
    ends: Offsets
    ids: Mapping[str, str]


def log_edges(client: KafkaClient, topics: Iterable[str]) -> LogEdges:
    """The edges of these topics, as they are now."""
    there = client.topics()
    found = [topic for topic in topics if topic in there]
    ends = client.offsets(found, Edge.WRITTEN)
    return LogEdges(client.offsets(found, Edge.START), ends, client.topic_ids(found))


def lost(edges: LogEdges, seen: Offsets, needed: Offsets) -> tuple[LogLoss, ...]:
    """Compare the logs with what is on record; pure.

    Args:
        edges: of all these topics, asked after the rest was known.
        seen: offsets that readers have reached: a log that ends below them has lost its end.
        needed: offsets from which somebody still has to read: a log that begins above them has lost rows.
    """
    losses = [
        LogLoss(topic, partition, "the topic does not exist any more")
        for topic in {*seen, *needed}
        if topic not in edges.ends
        for partition in {*seen.get(topic, {}), *needed.get(topic, {})}
    ]
    for topic, found in edges.ends.items():
        for partition, offset in seen.get(topic, {}).items():
            if found.get(partition, 0) < offset:
                reason = f"the log ends at {found.get(partition, 0)}, readers have been at {offset}"
                losses.append(LogLoss(topic, partition, reason))
    for topic, found in edges.starts.items():
        for partition, offset in needed.get(topic, {}).items():
            if found.get(partition, 0) > offset:
                reason = f"the log begins at {found[partition]}, rows from {offset} are still to be read"
                losses.append(LogLoss(topic, partition, reason))
    return tuple(sorted(losses, key=lambda loss: (loss.topic, loss.partition)))
