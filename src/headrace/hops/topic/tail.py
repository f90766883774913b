"""The last record of a topic below an offset: transaction markers occupy offsets that hold none."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from headrace.closing import Closing
from headrace.hops.topic.client import Edge, KafkaClient
from headrace.hops.topic.messages import Record, to_record

WINDOW = 16
"""How many offsets are looked through first; a Kafka transaction seldom ends in more than one marker."""

GROWTH = 32
POLL_S = 10.0


class TopicTail(Closing):
    """Looks at the end of one partition, again and again over one connection.

    Args:
        client: the cluster.
        topic, partition: which.
    """

    def __init__(self, client: KafkaClient, topic: str, partition: int = 0) -> None:
        self._client = client
        self._topic = topic
        self._partition = partition
        self._consumer = client.consumer(enable_partition_eof=True, fetch_wait_max_ms=2)

    def close(self) -> None:
        """Give the connection back."""
        self._consumer.close()

    def last(self) -> Record | None:
        """The newest committed record there is now."""
        return self.last_below(
            self._client.offsets([self._topic], Edge.COMMITTED)[self._topic][self._partition]
        )

    def last_below(self, end: int) -> Record | None:
        """The newest committed record below `end`; None where retention has left none.

        Raises:
            HeadraceError: `kafka-topic-missing`, `kafka-unreachable`.
        """
        start = self._client.offsets([self._topic], Edge.START)[self._topic][self._partition]
        window = WINDOW
        while True:
            begin = max(start, end - window)
            found = self._newest(begin, end) if begin < end else None
            if found is not None or begin <= start:
                return found
            window *= GROWTH

    def _newest(self, begin: int, end: int) -> Record | None:
        newest: Record | None = None
        self._consumer.assign([TopicPartition(self._topic, self._partition, begin)])
        while True:
            message = self._consumer.poll(POLL_S)
            if message is None:
                raise self._client.silent(self._topic, POLL_S)
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
                    return newest
                raise self._client.failure(KafkaException(error), f"topic:{self._topic}")
            record = to_record(message)
            if record.offset >= end:
                return newest
            newest = record
            if record.offset == end - 1:
                return newest
