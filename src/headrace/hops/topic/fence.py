"""Waits for a fence: a logical message that PostgreSQL wrote into its WAL and Debezium carried to Kafka.

When the fence has been seen, every transaction that was committed before it is in Kafka: the connector
writes in commit order with one producer, and what stands before the fence was sent before it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from headrace.closing import Closing
from headrace.errors import HeadraceError, Where
from headrace.hops.source.fence import PREFIX as FENCE_PREFIX
from headrace.hops.source.fence import Fence
from headrace.hops.topic.client import Edge, KafkaClient, passes
from headrace.hops.topic.messages import to_record
from headrace.hops.topic.probe import fence_offsets


@dataclass(frozen=True)
class SeenFence:
    """A fence as it stands in Kafka."""

    token: str
    offset: int
    lsn: int
    commit_time_ms: int


class FenceWatcher(Closing):
    """Follows a message topic from the moment of its construction.

    Make it first, then emit the fence, then `wait`: a fence emitted later than the construction is never
    missed. It may be used for any number of fences in the order in which they are emitted.

    Args:
        client: the cluster.
        message_topic: `CaptureNames.message_topic`.
    """

    def __init__(self, client: KafkaClient, message_topic: str) -> None:
        self._client = client
        self._topic = message_topic
        start = client.offsets([message_topic], Edge.COMMITTED)[message_topic]
        # A fetch waits at the broker and is answered the moment a transaction ends, so a long wait is fast.
        self._consumer = client.consumer(fetch_wait_max_ms=500)
        self._consumer.assign([TopicPartition(message_topic, part, at) for part, at in start.items()])

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()

    def rewind(self, start: Mapping[int, int]) -> None:
        """Go on from these offsets instead."""
        self._consumer.assign([TopicPartition(self._topic, part, at) for part, at in start.items()])

    def wait(self, token: str, timeout_s: float = 30.0) -> SeenFence:
        """Return when the fence with this token can be read.

        Raises:
            HeadraceError: `fence-timeout`.
        """
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            message = self._consumer.poll(min(left_s, 1.0))
            seen = self._fence(message) if message is not None else None
            if seen is not None and seen.token == token:
                return seen
        raise HeadraceError(
            "fence-timeout",
            f"the fence did not arrive in Kafka within {timeout_s:.0f} s",
            hint="the connector is down or behind: `headrace status` shows which",
            where=Where(address=f"topic:{self._topic}"),
        )

    def _fence(self, message: Message) -> SeenFence | None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF or passes(error):  # pyright: ignore[reportPrivateUsage]
                return None
            raise self._client.failure(KafkaException(error), f"topic:{self._topic}")
        record = to_record(message)
        document = record.document
        content = cast("dict[str, str]", document.get("message") or {})
        if content.get("prefix") != FENCE_PREFIX:
            return None
        source = cast("dict[str, int]", document["source"])
        token = base64.b64decode(content["content"]).decode()
        return SeenFence(token, record.offset, source["lsn"], source["ts_ms"])


def pass_fence(
    client: KafkaClient,
    message_topic: str,
    emit: Callable[[], Fence],
    topics: Sequence[str],
    timeout_s: float,
) -> Mapping[str, Mapping[int, int]]:
    """Where topics end for everything that was committed before this call.

    Args:
        message_topic: of the capture that writes `topics`.
        emit: writes the fence, in a session of its own.

    Raises:
        HeadraceError: `fence-timeout`.
    """
    with FenceWatcher(client, message_topic) as watcher:
        watcher.wait(emit().token, timeout_s)
    return fence_offsets(client, topics, timeout_s=timeout_s)


def wait_for_fence(client: KafkaClient, message_topic: str, token: str, timeout_s: float = 30.0) -> SeenFence:
    """Find a fence that was emitted before this call, reading the topic from its oldest message.

    Slower than a `FenceWatcher` made before the fence; for whoever comes later.
    """
    start = client.offsets([message_topic], Edge.START)[message_topic]
    watcher = FenceWatcher(client, message_topic)
    with watcher:
        watcher.rewind(start)
        return watcher.wait(token, timeout_s)
