"""Makes the hops' resources."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from headrace.apply.mask_key import FILE_NAME, MaskKey
from headrace.apply.owner import folder_id
from headrace.apply.source_sessions import SourceResource, SourceSessions
from headrace.contract import Mask, TableContract
from headrace.endpoints import Endpoints
from headrace.hops.capture.capability import CaptureCapability, capability
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.render import RowGuard, connector_config
from headrace.hops.capture.resource import Connector
from headrace.hops.serve import render
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Placement
from headrace.hops.serve.resource import ServedTable
from headrace.hops.source.resource import Publication, ReplicaIdentity
from headrace.hops.source.slot import SlotResource
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.resource import Topic, TopicSpec, service_topics, table_topic
from headrace.names import CaptureNames, GenerationNames, TableName
from headrace.plan.model import Status
from headrace.plan.resource import Document, Resource


class RealObjects:
    """As `systems.Objects`."""

    def __init__(
        self,
        endpoints: Endpoints,
        folder: Path,
        source: SourceSessions,
        kafka: KafkaClient,
        connect: ConnectClient,
        pinot: PinotClient,
    ) -> None:
        self._endpoints = endpoints
        self._folder = folder
        self._mask_key = MaskKey(folder)
        inside = endpoints.inside
        self._mask_key_path = (
            self._mask_key.path if inside is None else inside.source.password_file.with_name(FILE_NAME)
        )
        self._source = source
        self._kafka = kafka
        self._connect = connect
        self._pinot = pinot

    def identity(self, table: TableName, before: str | None) -> Resource:
        return SourceResource(self._source, lambda client: ReplicaIdentity(client, table, before))

    def publication(self, names: CaptureNames, contracts: Sequence[TableContract]) -> Resource:
        owner = folder_id(self._folder)
        return SourceResource(
            self._source, lambda client: Publication(client, names.publication, contracts, owner)
        )

    def slot(self, names: CaptureNames) -> Resource:
        return SourceResource(self._source, lambda client: SlotResource(client, names.slot))

    def topic(self, names: GenerationNames, topic: str, contract: TableContract | None) -> Resource:
        if contract is not None:
            return Topic(self._kafka, table_topic(names, contract))
        assert isinstance(names, CaptureNames)
        services = {spec.name: spec for spec in service_topics(names)}
        return Topic(self._kafka, services.get(topic, TopicSpec(topic)))

    def served(self, names: GenerationNames, contract: TableContract, status: Status) -> Resource:
        place = Placement(self._endpoints.for_engines.kafka_bootstrap)
        return ServedTable(self._pinot, contract, names, place, render.Status(status.value))

    def connector(self, names: CaptureNames, contracts: Sequence[TableContract]) -> Resource:
        if not contracts:
            return Connector(self._connect, names.connector, {})
        guard = None
        hashed = any(column.mask is Mask.HASH for contract in contracts for column in contract.columns)
        if self._capability.row_guard:
            guard = RowGuard(self._mask_key_path if hashed else None)
        config = connector_config(
            names,
            contracts,
            self._endpoints.for_engines.source,
            guard=guard,
            connector_class=self._capability.connector_class,
            converter_class=self._capability.converter_class,
            every_partition=self._capability.every_partition,
        )
        connector = Connector(self._connect, names.connector, config)
        return MaskedConnector(connector, self._mask_key) if hashed else connector

    @cached_property
    def _capability(self) -> CaptureCapability:
        return capability(self._connect)


class MaskedConnector:
    """A connector that hashes columns: its key is there before it starts."""

    def __init__(self, connector: Connector, key: MaskKey) -> None:
        self._connector = connector
        self._key = key

    @property
    def address(self) -> str:
        return self._connector.address

    @property
    def desired(self) -> Document:
        return self._connector.desired

    def read(self) -> Document | None:
        return self._connector.read()

    def apply(self) -> None:
        self._key.ensure()
        self._connector.apply()

    def delete(self) -> None:
        self._connector.delete()
