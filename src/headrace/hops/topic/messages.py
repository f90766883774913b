"""Reads records out of topics: decoded, in order, up to the end as it was when asked.

No value of a user's row is logged here; what to print is the caller's decision.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headrace.hops.topic.client import Edge, KafkaClient

Json = dict[str, object]


@dataclass(frozen=True)
class Record:
    """One record; `key` and `value` are None when the record has none."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def document(self) -> Json:
        """The value as JSON, `{}` when there is none."""
        return cast(Json, json.loads(self.value)) if self.value else {}


def read(
    client: KafkaClient,
    topic: str,
    *,
    start: Mapping[int, int] | None = None,
    committed: bool = True,
    timeout_s: float = 60.0,
) -> Generator[Record]:
    """Every record of a topic from `start` to its present end; partitions come interleaved.

    Args:
        start: by partition; a partition that is not named is read from its oldest record.
        committed: only records of committed transactions.
        timeout_s: how long to wait for the next record before the end.
    """
    begin = dict(client.offsets([topic], Edge.START)[topic])
    begin.update(start or {})
    ends = client.offsets([topic], Edge.COMMITTED if committed else Edge.WRITTEN)[topic]
    todo = {partition for partition, end in ends.items() if begin[partition] < end}
    if not todo:
        return
    isolation = "read_committed" if committed else "read_uncommitted"
    # The end is told only after a fetch that found nothing: let it wait for no time.
    consumer = client.consumer(isolation_level=isolation, enable_partition_eof=True, fetch_wait_max_ms=5)
    try:
        consumer.assign([TopicPartition(topic, partition, begin[partition]) for partition in todo])
        while todo:
            message = consumer.poll(timeout_s)
            if message is None:
                raise client.silent(topic, timeout_s)
            yield from _taken(client, consumer, message, ends, todo)
    finally:
        consumer.close()


def last(client: KafkaClient, topic: str, count: int) -> list[Record]:
    """About the last `count` records of every partition, in order of time."""
    ends = client.offsets([topic], Edge.COMMITTED)[topic]
    starts = client.offsets([topic], Edge.START)[topic]
    begin = {partition: max(starts[partition], end - 2 * count) for partition, end in ends.items()}
    found = sorted(read(client, topic, start=begin), key=lambda record: record.timestamp_ms)
    return found[-count:]


def _taken(
    client: KafkaClient, consumer: Consumer, message: Message, ends: Mapping[int, int], todo: set[int]
) -> Iterator[Record]:
    partition = message.partition()
    assert partition is not None
    error = message.error()
    if error is None:
        record = to_record(message)
        if record.offset < ends[partition]:
            yield record
        if record.offset + 1 >= ends[partition]:
            todo.discard(partition)
    elif error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
        todo.discard(partition)
    else:
        raise client.failure(KafkaException(error), f"topic:{message.topic()}")


def to_record(message: Message) -> Record:
    """librdkafka's message as a Record."""
    headers = cast("list[tuple[str, bytes]]", message.headers() or [])
    return Record(
        topic=cast(str, message.topic()),
        partition=cast(int, message.partition()),
        offset=cast(int, message.offset()),
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=tuple(headers),
    )
