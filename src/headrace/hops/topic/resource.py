"""The topics of a capture as managed resources.

Promise: a topic's number of partitions is fixed at creation, because the order of a key's changes hangs on
it: another number is an error, never repaired. Every other managed setting that drifted is put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.contract import TableContract
from headrace.errors import HeadraceError, Where
from headrace.hops.topic.client import KafkaClient
from headrace.names import CaptureNames, GenerationNames
from headrace.plan.resource import Document

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""The connector's `max.request.size`: both images of a row of 10 MB, as escaped JSON."""

MAX_BATCH_BYTES = MAX_RECORD_BYTES + 1024 * 1024
DEFAULT_RETENTION_MS = 7 * 24 * 3600 * 1000
DEFAULT_RETENTION_BYTES = 16 * 1024**3
SEGMENT_BYTES = 128 * 1024 * 1024
OFFSETS_SEGMENT_BYTES = 64 * 1024 * 1024
SERVICE_RETENTION_MS = 7 * 24 * 3600 * 1000
VISIBLE_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class TopicSpec:
    """What a topic should be; `config` holds the managed settings only."""

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict[str, str])


def offset_topic(names: CaptureNames) -> str:
    """Where Connect keeps this capture's positions, each with the transaction that carried the rows."""
    return f"{names.topic_prefix}.offsets"


def table_topic(names: GenerationNames, contract: TableContract) -> TopicSpec:
    """The topic of a table or a view, with its bounds; `-1` in the contract lifts a bound."""
    retention_ms = DEFAULT_RETENTION_MS if contract.retention_ms is None else contract.retention_ms
    retention_bytes = (
        DEFAULT_RETENTION_BYTES if contract.retention_bytes is None else contract.retention_bytes
    )
    config = {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(MAX_BATCH_BYTES),
        "retention.bytes": str(retention_bytes),
        "retention.ms": str(retention_ms),
        "segment.bytes": str(SEGMENT_BYTES),
    }
    return TopicSpec(names.topic(contract.table), contract.partitions, config)


def service_topics(names: CaptureNames) -> tuple[TopicSpec, ...]:
    """Fences, heartbeats, notifications and positions: one partition each.

    The offsets topic is compacted, as Connect demands; its first segment, where the proof of the snapshot
    stands, outlives every initial snapshot, because nothing is compacted before the segment is full.
    """
    passing = {"cleanup.policy": "delete", "retention.ms": str(SERVICE_RETENTION_MS)}
    kept = {"cleanup.policy": "delete", "retention.ms": "-1"}
    positions = {"cleanup.policy": "compact", "segment.bytes": str(OFFSETS_SEGMENT_BYTES)}
    return (
        TopicSpec(names.message_topic, 1, passing),
        TopicSpec(names.heartbeat_topic, 1, passing),
        TopicSpec(names.notification_topic, 1, kept),
        TopicSpec(offset_topic(names), 1, positions),
    )


def capture_topics(names: CaptureNames, contracts: Sequence[TableContract]) -> tuple[TopicSpec, ...]:
    """Every topic of a capture."""
    return (*(table_topic(names, contract) for contract in contracts), *service_topics(names))


class Topic:
    """One topic.

    Promise: as `headrace.plan.resource.Resource`; `delete` removes the rows in it too.
    """

    def __init__(self, client: KafkaClient, spec: TopicSpec) -> None:
        self._client = client
        self._spec = spec

    @property
    def address(self) -> str:
        return f"topic:{self._spec.name}"

    @property
    def desired(self) -> Document:
        return {"partitions": self._spec.partitions, **self._spec.config}

    def read(self) -> Document | None:
        partitions = self._client.partitions(self._spec.name)
        if partitions is None:
            return None
        config = self._client.topic_config(self._spec.name)
        return {"partitions": partitions, **{name: config.get(name, "") for name in self._spec.config}}

    def apply(self) -> None:
        """Create it or repair its settings; returns once every client can see it.

        Raises:
            HeadraceError: `topic-partitions-differ`, `kafka-unreachable`, `kafka-refused`.
        """
        found = self.read()
        if found is None:
            self._create()
            found = self.desired
        if found["partitions"] != self._spec.partitions:
            raise HeadraceError(
                "topic-partitions-differ",
                f"topic {self._spec.name} has {found['partitions']} partitions, not {self._spec.partitions}",
                cause="the partitions of a topic are fixed at creation: the order of changes hangs on them",
                hint="`headrace resync TABLE` builds the table anew with the declared number",
                where=Where(address=self.address),
            )
        drifted = {name: value for name, value in self._spec.config.items() if found[name] != value}
        if drifted:
            self._client.alter_topic_config(self._spec.name, drifted)
            self._await(lambda: self.read() == self.desired, "its settings to be seen")

    def delete(self) -> None:
        self._client.delete_topic(self._spec.name)
        self._await(lambda: self._client.partitions(self._spec.name) is None, "it to be gone")

    def _create(self) -> None:
        try:
            self._client.create_topic(self._spec.name, self._spec.partitions, self._spec.config)
        except HeadraceError as error:
            if "TOPIC_ALREADY_EXISTS" not in error.summary:
                raise
        self._await(lambda: self.read() is not None, "it to be seen")

    def _await(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + VISIBLE_TIMEOUT_S
        while not done():
            if time.monotonic() > deadline:
                raise HeadraceError(
                    "kafka-refused",
                    f"waited {VISIBLE_TIMEOUT_S:.0f} s for {what}: topic {self._spec.name}",
                    hint="the brokers answer but do not act; see `headrace logs kafka`",
                    where=Where(address=self.address),
                )
            time.sleep(0.02)
