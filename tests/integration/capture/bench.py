"""A workbench on the real engines: makes tables and captures, and takes them away again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from headrace.contract import Column, Conversion, TableContract
from headrace.endpoints import Endpoints
from headrace.hops.capture.capability import capability
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.probe import status
from headrace.hops.capture.render import connector_config
from headrace.hops.capture.resource import Connector
from headrace.hops.capture.snapshot import Progress, Verdict, verdict
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.resource import Topic, capture_topics
from headrace.names import CaptureNames, TableName, served_name
from tests.integration.capture.engines import PROJECT

_NUMBERS = itertools.count(1)


def contract(table: str, key: tuple[str, ...] = ("id",), **details: object) -> TableContract:
    """A contract of which the capture hop needs little more than table and key."""
    name = TableName.parse(table)
    columns = tuple(Column(column, "bigint", Conversion.LONG, False) for column in key)
    return TableContract(name, served_name(name), key, columns, **details)  # type: ignore[arg-type]


@dataclass
class Capture:
    """One capture under test; `point` is its slot's consistent point."""

    names: CaptureNames
    contracts: Sequence[TableContract]
    connector: Connector
    point: int


class Bench:
    """Clients of the three systems and the making and unmaking of captures."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.kafka = KafkaClient(endpoints.kafka_bootstrap)
        self.connect = ConnectClient(endpoints.connect_url)
        self.source = self.session()
        self._captures: list[Capture] = []

    def session(self) -> psycopg.Connection:
        """One more session of the source, autocommit."""
        return psycopg.connect(**self.endpoints.source.conninfo(), autocommit=True)  # type: ignore[arg-type]

    def run(self, *statements: str) -> None:
        """Statements of the test's own, each in its own transaction."""
        for statement in statements:
            self.source.execute(statement)  # type: ignore[arg-type]

    def names(self) -> CaptureNames:
        """A number never used before."""
        return CaptureNames(PROJECT, next(_NUMBERS))

    def config(self, names: CaptureNames, contracts: Sequence[TableContract]) -> dict[str, str]:
        found = capability(self.connect)
        return connector_config(
            names,
            contracts,
            self.endpoints.source,
            guard=None,
            connector_class=found.connector_class,
            converter_class=found.converter_class,
            every_partition=found.every_partition,
        )

    def prepare(self, names: CaptureNames, contracts: Sequence[TableContract]) -> None:
        """Publication and topics."""
        tables = [sql.Identifier(c.table.schema, c.table.table) for c in contracts]
        for table in tables:
            self.source.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(table))
        publication = sql.Identifier(names.publication)
        statement = "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
        self.source.execute(sql.SQL(statement).format(publication, sql.SQL(", ").join(tables)))
        self.make_topics(names, contracts)

    def make_topics(self, names: CaptureNames, contracts: Sequence[TableContract]) -> None:
        for spec in capture_topics(names, contracts):
            Topic(self.kafka, spec).apply()

    def capture(self, *contracts: TableContract, settings: Mapping[str, str] | None = None) -> Capture:
        """Begin a capture; returns when its slot stands, with its snapshot perhaps still going on."""
        names = self.names()
        self.prepare(names, contracts)
        connector = Connector(
            self.connect, names.connector, {**self.config(names, contracts), **(settings or {})}
        )
        capture = Capture(names, contracts, connector, 0)
        self._captures.append(capture)
        connector.apply()
        capture.point = self._point(names)
        return capture

    def verdict(self, capture: Capture) -> Verdict:
        """What the proof says now, with the connector's status where Connect answers."""
        connector = status(self.connect, capture.names.connector)
        return verdict(self.kafka, capture.names, capture.contracts, capture.point, connector=connector)

    def final_verdict(self, capture: Capture, timeout_s: float = 240) -> Verdict:
        """Wait until it is complete or broken."""
        deadline = time.monotonic() + timeout_s
        while (found := self.verdict(capture)).progress is Progress.RUNNING:
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def bury(self) -> None:
        """Take every capture away, and the sessions."""
        for capture in self._captures:
            remove(self, capture)
        self._captures.clear()
        self.source.close()
        self.connect.close()
        self.kafka.close()

    def _point(self, names: CaptureNames) -> int:
        query = (
            "SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots"
            " WHERE slot_name = %s AND confirmed_flush_lsn IS NOT NULL"
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            row = self.source.execute(query, (names.slot,)).fetchone()
            if row is not None:
                return int(row[0])
            time.sleep(0.01)
        raise AssertionError(f"no slot: {self.connect.status(names.connector)}")


def remove(bench: Bench, capture: Capture) -> None:
    """Connector, slot, topics and publication; what is gone already is fine."""
    capture.connector.delete()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            bench.source.execute("SELECT pg_drop_replication_slot(%s)", (capture.names.slot,))
        except psycopg.errors.ObjectInUse:
            time.sleep(0.2)
            continue
        except psycopg.errors.UndefinedObject:
            pass
        break
    for spec in capture_topics(capture.names, capture.contracts):
        Topic(bench.kafka, spec).delete()
    publication = sql.Identifier(capture.names.publication)
    bench.source.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(publication))
