"""Kafka's admin and consumer interfaces: thin, with timeouts, every failure mapped; no policy.

Promise: a method returns what the brokers said or raises HeadraceError. Nothing here creates a topic by
merely asking for it, joins a consumer group or commits an offset.
"""

from __future__ import annotations

# confluent_kafka.admin names these in its documentation but not in an __all__.
# pyright: reportPrivateImportUsage=false
import concurrent.futures
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ConsumerGroupDescription,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from headrace.closing import Closing
from headrace.errors import HeadraceError, Where

Offsets = Mapping[str, Mapping[int, int]]
"""Topic, partition, offset of the next record."""

_log = logging.getLogger("headrace.kafka")
_log.addHandler(logging.NullHandler())

_UNREACHABLE = frozenset(
    {"_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_TIMED_OUT_QUEUE", "_RESOLVE", "REQUEST_TIMED_OUT"}
)
# What is said in the first moments of a broker, before each partition and group has its leader again.
_NO_LEADER = frozenset(
    {
        "_NOENT",  # librdkafka's "No leaders found" of a question for offsets
        "BROKER_NOT_AVAILABLE",
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "FENCED_LEADER_EPOCH",
        "KAFKA_STORAGE_ERROR",
        "LEADER_NOT_AVAILABLE",
        "NOT_CONTROLLER",
        "NOT_COORDINATOR",
        "NOT_LEADER_FOR_PARTITION",
        "OFFSET_NOT_AVAILABLE",
        "REPLICA_NOT_AVAILABLE",
        "UNKNOWN_LEADER_EPOCH",
    }
)
_DENIED = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED"})
_MISSING = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"})


class Edge(Enum):
    """Which end of a partition's log is asked for."""

    START = "start"
    COMMITTED = "committed"  # the last stable offset: where a read_committed reader stops
    WRITTEN = "written"  # the high watermark: open and aborted transactions included


@dataclass(frozen=True)
class Broker:
    """One broker, at the address it gives to clients; `is_controller` as it answers for the cluster."""

    number: int
    host: str
    port: int
    is_controller: bool


@dataclass(frozen=True)
class GroupMembers:
    """State of a consumer group, as its coordinator calls it, and how many consumers are in it."""

    state: str
    members: int


class KafkaClient(Closing):
    """One Kafka cluster.

    Args:
        bootstrap: `host:port`, several separated by commas.
        timeout_s: for every request.
        security: librdkafka settings of a secured cluster (`security.protocol`, `sasl.*`, `ssl.*`).
    """

    def __init__(
        self, bootstrap: str, *, timeout_s: float = 10.0, security: Mapping[str, str] | None = None
    ) -> None:
        self.bootstrap = bootstrap
        self.timeout_s = timeout_s
        self.is_secured = (security or {}).get("security.protocol", "plaintext").lower() != "plaintext"
        self._settings: dict[str, Any] = {
            **(security or {}),
            "bootstrap.servers": bootstrap,
            "client.id": "headrace",
            "socket.nagle.disable": True,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 500,
        }
        # Its results are futures without a type: this is the border where they get one.
        self._admin: Any = AdminClient(self._settings, logger=_log)
        self._partitions: dict[str, int] = {}

    def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        self._admin.poll(0)

    def brokers(self) -> tuple[Broker, ...]:
        """Every broker of the cluster, by number."""
        found = self._metadata()
        return tuple(
            Broker(number, one.host or "", one.port, number == found.controller_id)
            for number, one in sorted(found.brokers.items())
        )

    # -- topics ---------------------------------------------------------------------------------------------

    def topics(self, timeout_s: float | None = None) -> dict[str, int]:
        """Every topic with its number of partitions, internal ones included."""
        found = self._metadata(timeout_s)
        self._partitions = {name: len(topic.partitions) for name, topic in found.topics.items()}
        return dict(self._partitions)

    def partitions(self, topic: str) -> int | None:
        """The number of partitions, None when there is no such topic."""
        return self.topics().get(topic)

    def create_topic(self, topic: str, partitions: int, config: Mapping[str, str]) -> None:
        """Create it with the brokers' own replication factor; there already is an error."""
        new = NewTopic(topic, num_partitions=partitions, replication_factor=-1, config=dict(config))
        futures = self._admin.create_topics([new], request_timeout=self.timeout_s)
        self._wait(futures[topic], f"topic:{topic}")

    def delete_topic(self, topic: str) -> None:
        """Delete it with everything in it; gone already is fine."""
        futures = self._admin.delete_topics([topic], request_timeout=self.timeout_s)
        try:
            self._wait(futures[topic], f"topic:{topic}")
        except HeadraceError as error:
            if error.code != "kafka-topic-missing":
                raise
        self._partitions.pop(topic, None)

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """What tells a topic from one that was made again under its name; before Kafka 2.8 all have the same.

        Raises:
            HeadraceError: `kafka-topic-missing` when one of them does not exist.
        """
        wanted = list(topics)
        if not wanted:
            return {}
        futures = self._admin.describe_topics(TopicCollection(wanted), request_timeout=self.timeout_s)
        return {
            topic: str(self._wait(future, f"topic:{topic}").topic_id) for topic, future in futures.items()
        }

    def topic_config(self, topic: str) -> dict[str, str]:
        """Every setting in force, the brokers' defaults included."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        futures = self._admin.describe_configs([resource], request_timeout=self.timeout_s)
        entries = cast("dict[str, ConfigEntry]", self._wait(next(iter(futures.values())), f"topic:{topic}"))
        return {name: str(entry.value) for name, entry in entries.items()}

    def topic_settings(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """What was set on each topic itself and is not the brokers' default all the same; one request."""
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        if not resources:
            return {}
        futures = self._admin.describe_configs(resources, request_timeout=self.timeout_s)
        found: dict[str, dict[str, str]] = {}
        for resource, future in futures.items():
            entries = cast("dict[str, ConfigEntry]", self._wait(future, f"topic:{resource.name}"))
            found[resource.name] = {
                name: "***" if entry.is_sensitive else str(entry.value)
                for name, entry in sorted(entries.items())
                if _is_own(entry)
            }
        return found

    def alter_topic_config(self, topic: str, settings: Mapping[str, str]) -> None:
        """Set these settings and leave all others alone."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        futures = self._admin.incremental_alter_configs([resource], request_timeout=self.timeout_s)
        self._wait(next(iter(futures.values())), f"topic:{topic}")

    # -- positions ------------------------------------------------------------------------------------------

    def offsets(self, topics: Iterable[str], edge: Edge) -> dict[str, dict[int, int]]:
        """One edge of every partition of these topics, asked of the brokers in one request each.

        Raises:
            HeadraceError: `kafka-topic-missing` when one of them does not exist.
        """
        wanted = tuple(topics)
        if any(topic not in self._partitions for topic in wanted):
            self.topics()
        query: dict[TopicPartition, object] = {}
        spec = OffsetSpec.earliest() if edge is Edge.START else OffsetSpec.latest()
        for topic in wanted:
            if topic not in self._partitions:
                raise _missing_topic(topic)
            for partition in range(self._partitions[topic]):
                query[TopicPartition(topic, partition)] = spec
        isolation = (
            IsolationLevel.READ_COMMITTED if edge is Edge.COMMITTED else IsolationLevel.READ_UNCOMMITTED
        )
        found: dict[str, dict[int, int]] = {topic: {} for topic in wanted}
        try:
            asked = self._list_offsets(query, isolation)
        except HeadraceError as error:
            if error.code != "kafka-starting":
                raise
            # librdkafka 2.16 remembers a leader from before a restart until topics are asked for.
            self.topics()
            asked = self._list_offsets(query, isolation)
        for place, offset in asked.items():
            found[place.topic][place.partition] = offset
        return found

    def _list_offsets(
        self, query: Mapping[TopicPartition, object], isolation: IsolationLevel
    ) -> dict[TopicPartition, int]:
        if not query:
            return {}
        futures = self._admin.list_offsets(
            dict(query), isolation_level=isolation, request_timeout=self.timeout_s
        )
        found: dict[TopicPartition, int] = {}
        for place, future in futures.items():
            where = f"topic:{place.topic}"
            found[place] = cast(int, self._wait(future, where).offset)
            if found[place] < 0:  # librdkafka's "invalid", seen while a broker came back
                raise self._starting(f"no offset of partition {place.partition}", Where(address=where))
        return found

    def consumer(self, **settings: Any) -> Consumer:
        """A consumer without a group for `assign`: read_committed, no commits, no reset of a lost offset.

        Args:
            settings: librdkafka's, with `_` for `.`; they win over what stands here.
        """
        config: dict[str, Any] = {
            **self._settings,
            "group.id": "headrace",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
            "fetch.error.backoff.ms": 20,
            "receive.message.max.bytes": 500_000_000,
            **{name.replace("_", "."): value for name, value in settings.items()},
        }
        return Consumer(config, logger=_log)

    # -- groups ---------------------------------------------------------------------------------------------

    def groups(self) -> list[str]:
        """The names of all consumer groups."""
        found = self._wait(self._admin.list_consumer_groups(request_timeout=self.timeout_s), "groups")
        if found.errors and not found.valid:
            raise self.failure(found.errors[0], "groups")
        return sorted(one.group_id for one in found.valid)

    def group_members(self, group: str) -> GroupMembers:
        """How a group stands."""
        futures = self._admin.describe_consumer_groups([group], request_timeout=self.timeout_s)
        found = cast(ConsumerGroupDescription, self._wait(futures[group], f"group:{group}"))
        return GroupMembers(found.state.name, len(found.members))

    def group_offsets(self, group: str) -> dict[str, dict[int, int]]:
        """What a group has committed: topic, partition, offset of the next record it would read."""
        asked = [ConsumerGroupTopicPartitions(group)]
        futures = self._admin.list_consumer_group_offsets(asked, request_timeout=self.timeout_s)
        found = cast(ConsumerGroupTopicPartitions, self._wait(futures[group], f"group:{group}"))
        offsets: dict[str, dict[int, int]] = {}
        for place in found.topic_partitions or []:
            if place.offset >= 0:
                offsets.setdefault(place.topic, {})[place.partition] = place.offset
        return offsets

    # -- failures -------------------------------------------------------------------------------------------

    def failure(self, error: KafkaException | KafkaError, address: str | None = None) -> HeadraceError:
        """The HeadraceError for what librdkafka or a broker reported."""
        found = error if isinstance(error, KafkaError) else cast(KafkaError, error.args[0])
        name, where = found.name(), Where(address=address) if address else None
        if name in _UNREACHABLE:
            return HeadraceError(
                "kafka-unreachable",
                f"Kafka does not answer at {self.bootstrap}",
                cause=found.str(),
                hint="`headrace status` shows whether the broker runs; `headrace up` starts it",
                where=where,
            )
        if name in _NO_LEADER:
            return self._starting(found.str(), where)
        if name in _MISSING:
            return _missing_topic(address.removeprefix("topic:") if address else "?", found.str())
        if name in _DENIED or name.endswith("AUTHORIZATION_FAILED"):
            hint = "check the credentials and the access rules of the cluster"
            return HeadraceError(
                "kafka-denied", "Kafka refuses access", cause=found.str(), hint=hint, where=where
            )
        return HeadraceError("kafka-refused", f"Kafka refused ({name})", cause=found.str(), where=where)

    def silent(self, topic: str, waited_s: float) -> HeadraceError:
        """The failure of a broker that sends neither a record nor word of the end."""
        return HeadraceError(
            "kafka-unreachable",
            f"Kafka sent nothing for {waited_s:.0f} s",
            hint="`headrace status` shows whether the broker runs",
            where=Where(address=f"topic:{topic}"),
        )

    def _starting(self, cause: str, where: Where | None) -> HeadraceError:
        return HeadraceError(
            "kafka-starting",
            f"Kafka at {self.bootstrap} has no leader yet for what was asked",
            cause=cause,
            hint="try again in a moment; `headrace status` shows how it is",
            where=where,
        )

    def _metadata(self, timeout_s: float | None = None) -> ClusterMetadata:
        try:
            return cast(ClusterMetadata, self._admin.list_topics(timeout=timeout_s or self.timeout_s))
        except KafkaException as error:
            raise self.failure(error) from error

    def _wait(self, future: concurrent.futures.Future[Any], address: str) -> Any:
        try:
            return future.result(timeout=self.timeout_s + 5)
        except KafkaException as error:
            raise self.failure(error, address) from error
        except concurrent.futures.TimeoutError as error:
            raise HeadraceError(
                "kafka-unreachable",
                f"Kafka does not answer at {self.bootstrap}",
                cause=f"no answer within {self.timeout_s:.0f} s",
                hint="`headrace status` shows whether the broker runs",
                where=Where(address=address),
            ) from error


def passes(error: KafkaError) -> bool:
    """Whether a consumer that reports this goes on by itself as soon as the brokers are there."""
    return error.name() in _UNREACHABLE | _NO_LEADER


def _is_own(entry: ConfigEntry) -> bool:
    """Whether a setting was made on the topic itself, to something else than would hold without it."""
    if ConfigSource(entry.source) is not ConfigSource.DYNAMIC_TOPIC_CONFIG:
        return False
    beneath = [one for one in (entry.synonyms or {}).values() if one.source != entry.source]
    return not beneath or beneath[0].value != entry.value


def _missing_topic(topic: str, cause: str | None = None) -> HeadraceError:
    return HeadraceError(
        "kafka-topic-missing",
        f"topic {topic} does not exist",
        cause=cause,
        hint="`headrace plan` shows what is missing, `headrace apply` creates it",
        where=Where(address=f"topic:{topic}"),
    )
