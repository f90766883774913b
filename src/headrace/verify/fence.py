"""The audit's fence: a point of the WAL up to which Pinot must have come before it is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from headrace.hops.serve.directory import Generation
from headrace.hops.source.client import SourceClient
from headrace.hops.source.fence import emit
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.fence import pass_fence

FENCE_TIMEOUT_S = 30.0


class Fence(Protocol):
    """Where the topic of a table, or of the table of a view, ends for everything committed so far."""

    def __call__(self, generation: Generation, timeout_s: float = FENCE_TIMEOUT_S) -> Mapping[int, int]:
        """Partition to offset: every change committed before the call lies below.

        Raises HeadraceError `fence-timeout`.
        """
        ...


class WalFence:
    """The real one: a message into the WAL, seen in Kafka, then the ends of the topic.

    Args:
        source: a session of its own, not within a transaction.
        kafka: the cluster.
    """

    def __init__(self, source: SourceClient, kafka: KafkaClient) -> None:
        self._source = source
        self._kafka = kafka

    def __call__(self, generation: Generation, timeout_s: float = FENCE_TIMEOUT_S) -> Mapping[int, int]:
        topic = generation.capture.topic(generation.source)
        message_topic = generation.capture.message_topic
        return pass_fence(self._kafka, message_topic, lambda: emit(self._source), [topic], timeout_s)[topic]
