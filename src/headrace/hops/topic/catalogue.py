"""Topics as the brokers know them: partitions, where their logs begin and end, sizes, settings.

Promise: reading only, one request of each sort for all topics together; a topic that disappears meanwhile is
left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headrace.errors import HeadraceError
from headrace.hops.topic.client import Broker, Edge, KafkaClient
from headrace.hops.topic.log_sizes import log_sizes

LOOKS = 4


@dataclass(frozen=True)
class PartitionState:
    """One partition; offsets count transaction markers too, so there may be fewer messages.

    Attributes:
        first: the oldest offset that retention has left.
        next: below it everything is committed or aborted; where a read_committed reader stops.
        written: the end, open transactions included.
        size_bytes: on disk, all replicas together; None when the brokers cannot be asked.
    """

    number: int
    first: int
    next: int
    written: int
    size_bytes: int | None


@dataclass(frozen=True)
class TopicState:
    """One topic; `settings` are those made on it that differ from the brokers' defaults."""

    name: str
    partitions: tuple[PartitionState, ...]
    settings: Mapping[str, str]

    @property
    def size_bytes(self) -> int | None:
        known = [one.size_bytes for one in self.partitions if one.size_bytes is not None]
        return sum(known) if len(known) == len(self.partitions) else None

    @property
    def offsets(self) -> int:
        """How many offsets its partitions hold."""
        return sum(one.next - one.first for one in self.partitions)


@dataclass(frozen=True)
class Cluster:
    """The brokers and their topics, by name."""

    brokers: tuple[Broker, ...]
    topics: tuple[TopicState, ...]


def cluster(client: KafkaClient, names: Iterable[str] | None = None) -> Cluster:
    """The brokers and what they say of topics.

    Args:
        names: of the topics to look at; all when absent. One that is not there is left out.
    """
    wanted = None if names is None else frozenset(names)
    looks = 1
    while True:
        brokers = client.brokers()
        there = sorted(name for name in client.topics() if wanted is None or name in wanted)
        try:
            return Cluster(brokers, _states(client, brokers, there))
        except HeadraceError as error:
            # Deleted between two requests: the next look does not ask for it.
            if error.code != "kafka-topic-missing" or looks == LOOKS:
                raise
            looks += 1


def _states(client: KafkaClient, brokers: tuple[Broker, ...], names: list[str]) -> tuple[TopicState, ...]:
    settings = client.topic_settings(names)
    firsts = client.offsets(names, Edge.START)
    nexts = client.offsets(names, Edge.COMMITTED)
    written = client.offsets(names, Edge.WRITTEN)
    sizes = log_sizes(client, brokers)
    return tuple(
        TopicState(
            name,
            tuple(
                PartitionState(
                    number,
                    first,
                    nexts[name][number],
                    written[name][number],
                    None if sizes is None else sizes.get(name, {}).get(number),
                )
                for number, first in sorted(firsts[name].items())
            ),
            settings[name],
        )
        for name in names
    )
