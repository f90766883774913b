"""Messages of a topic for somebody who looks: the newest ones, those from an offset on, those that come.

Promise: committed messages only, each once, none left out between where the look begins and where it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from headrace.errors import HeadraceError, Where
from headrace.hops.topic.client import Edge, KafkaClient, passes
from headrace.hops.topic.messages import Record, read, to_record

FIRST_WINDOW = 64
GROWTH = 8
SEARCHED = 50_000
"""So many offsets of each partition are looked through for the newest messages of a key."""

POLL_S = 0.25
"""For how long an interrupt from the keyboard may have to wait."""

LOOK_S = 5.0
"""How often a topic that is silent is looked for."""

LOOK_TIMEOUT_S = 1.0

Wanted = Callable[[Record], bool]


@dataclass(frozen=True)
class Newest:
    """The newest messages that were wanted, oldest first.

    Attributes:
        records: what was found.
        looked_from: partition to the oldest offset that was looked at.
        whole: everything that is in the topic was looked at.
    """

    records: tuple[Record, ...]
    looked_from: Mapping[int, int]
    whole: bool


def newest(
    client: KafkaClient, topic: str, count: int, wanted: Wanted | None = None, *, searched: int = SEARCHED
) -> Newest:
    """The last messages of a topic, looked for backwards in ever larger steps.

    Args:
        count: how many at most, over all partitions, by time.
        wanted: only those; then no more than `searched` offsets of each partition are looked at.
    """
    starts = client.offsets([topic], Edge.START)[topic]
    ends = client.offsets([topic], Edge.COMMITTED)[topic]
    window = max(FIRST_WINDOW, 2 * count)
    while True:
        begin = {partition: max(starts[partition], end - window) for partition, end in ends.items()}
        found = [
            record
            for record in read(client, topic, start=begin)
            if record.offset < ends[record.partition] and (wanted is None or wanted(record))
        ]
        whole = all(begin[partition] <= starts[partition] for partition in begin)
        bounded = wanted is not None and window >= searched
        if whole or bounded or _enough(found, count, begin, starts, one_key=wanted is not None):
            found.sort(key=lambda one: (one.timestamp_ms, one.partition, one.offset))
            return Newest(tuple(found[-count:]), begin, whole)
        window = window * GROWTH if wanted is None else min(window * GROWTH, searched)


def since(client: KafkaClient, topic: str, offset: int, wanted: Wanted | None = None) -> Generator[Record]:
    """Messages from an offset of every partition on, to the end as it is now."""
    for record in read(client, topic, start=start_at(client, topic, offset)):
        if wanted is None or wanted(record):
            yield record


def start_at(client: KafkaClient, topic: str, offset: int) -> dict[int, int]:
    """The offset by partition, moved to where there still are, or already are, messages."""
    starts = client.offsets([topic], Edge.START)[topic]
    ends = client.offsets([topic], Edge.COMMITTED)[topic]
    return {partition: min(max(offset, starts[partition]), end) for partition, end in ends.items()}


def end_of(client: KafkaClient, topic: str) -> dict[int, int]:
    """Where the next committed message of each partition will be."""
    return dict(client.offsets([topic], Edge.COMMITTED)[topic])


def follow(
    client: KafkaClient, topic: str, start: Mapping[int, int], wanted: Wanted | None = None
) -> Generator[Record]:
    """Messages from `start` on, for ever: close it, or leave the loop over it.

    A broker that is away is waited for.

    Raises:
        HeadraceError: `topic-gone`; `topic-outrun` when retention is faster than the reader.
    """
    consumer = client.consumer(fetch_wait_max_ms=500)
    looked = time.monotonic()
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in start.items()])
        while True:
            message = consumer.poll(POLL_S)
            if message is None:
                # A consumer without a group is not told that its topic was deleted.
                if time.monotonic() - looked > LOOK_S:
                    _check_is_there(client, topic)
                    looked = time.monotonic()
                continue
            error = message.error()
            if error is not None:
                _check(client, topic, error)
                continue
            record = to_record(message)
            if wanted is None or wanted(record):
                yield record
    finally:
        consumer.close()


def _enough(
    found: list[Record], count: int, begin: Mapping[int, int], starts: Mapping[int, int], *, one_key: bool
) -> bool:
    """Whether no older message can be among the last `count`."""
    if one_key:  # a key lies in one partition
        return len(found) >= count
    held = dict.fromkeys(begin, 0)
    for record in found:
        held[record.partition] += 1
    return all(number >= count or begin[partition] <= starts[partition] for partition, number in held.items())


def _check_is_there(client: KafkaClient, topic: str) -> None:
    try:
        there = client.topics(LOOK_TIMEOUT_S)
    except HeadraceError:
        return
    if topic not in there:
        raise HeadraceError(
            "topic-gone",
            f"topic {topic} does not exist any more",
            cause="it was removed, with its table or because a new generation took its place",
            hint="start again; `headrace topics` shows what there is",
            where=Where(address=f"topic:{topic}"),
        )


def _check(client: KafkaClient, topic: str, error: KafkaError) -> None:
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # pyright: ignore[reportPrivateUsage]
        raise HeadraceError(
            "topic-outrun",
            f"messages of topic {topic} were removed before they were shown",
            cause="retention took them away, or the topic was made anew",
            hint="start again; `headrace topics` shows where it begins",
            where=Where(address=f"topic:{topic}"),
        )
    if error.code() != KafkaError._PARTITION_EOF and not passes(error):  # pyright: ignore[reportPrivateUsage]
        raise client.failure(KafkaException(error), f"topic:{topic}")
