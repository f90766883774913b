"""Finds what a topic holds of one key, within bounds.

Promise: what comes back says where the looking stopped; a search that was cut short never looks like one that
found nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from headrace.hops.topic.client import Edge, KafkaClient
from headrace.hops.topic.messages import Record, read, to_record

RECORDS = 50_000
"""So many offsets before the end are looked through, over all partitions."""

SECONDS = 5.0
POLL_S = 10.0
_REMOVED = frozenset(
    {
        KafkaError._PARTITION_EOF,  # pyright: ignore[reportPrivateUsage]
        KafkaError._AUTO_OFFSET_RESET,  # pyright: ignore[reportPrivateUsage]
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)

IsKey = Callable[[Mapping[str, object]], bool]
"""Whether a record's key, as JSON, is the one that is looked for."""


@dataclass(frozen=True)
class Search:
    """What was found, oldest first.

    Attributes:
        records: of the key, and TRUNCATEs, which have none.
        ends: partition to the end of the log, as it was.
        looked_from: partition to the oldest offset that was looked at.
        bounded: there was more to look at than the bounds allow.
    """

    records: tuple[Record, ...]
    ends: Mapping[int, int]
    looked_from: Mapping[int, int]
    bounded: bool


def search(
    client: KafkaClient, topic: str, is_key: IsKey, start: Mapping[int, int], *, records: int = RECORDS
) -> Search:
    """Look through a topic from `start` to its end, nearer to the end where that is too much.

    Args:
        start: by partition; one that is not named is looked through as far back as the bounds allow.
        records: how many offsets to look at.
    """
    ends = client.offsets([topic], Edge.COMMITTED)[topic]
    oldest = client.offsets([topic], Edge.START)[topic]
    each = max(1, records // max(1, len(ends)))
    begin = {
        partition: min(end, max(start.get(partition, 0), oldest[partition], end - each))
        for partition, end in ends.items()
    }
    bounded = any(begin[partition] > max(start.get(partition, 0), oldest[partition]) for partition in begin)
    found: list[Record] = []
    deadline = time.monotonic() + SECONDS
    for record in read(client, topic, start=begin, timeout_s=POLL_S):
        if record.key is None or is_key(cast("dict[str, object]", json.loads(record.key))):
            found.append(record)
        if time.monotonic() > deadline:
            bounded = True
            break
    return Search(tuple(found), ends, begin, bounded)


def record_at(client: KafkaClient, topic: str, partition: int, offset: int) -> Record | None:
    """The record at an offset; None when retention has removed it."""
    consumer = client.consumer(enable_partition_eof=True, fetch_wait_max_ms=5)
    try:
        consumer.assign([TopicPartition(topic, partition, offset)])
        message = consumer.poll(POLL_S)
        if message is None:
            raise client.silent(topic, POLL_S)
        error = message.error()
        if error is not None:
            if error.code() in _REMOVED:
                return None
            raise client.failure(KafkaException(error), f"topic:{topic}")
        record = to_record(message)
        return record if record.offset == offset else None
    finally:
        consumer.close()
