"""The same table in PostgreSQL and in Pinot, fed side by side: what the connector would do, without it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import psycopg
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg import sql

from headrace.contract import Column, TableContract
from headrace.endpoints import Endpoints
from headrace.hops.serve import directory, statement
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.query import Prepared, QueryClient, QueryResult
from headrace.hops.serve.render import Placement, Status
from headrace.hops.serve.resource import ServedTable, wait_until_consuming
from headrace.names import CaptureNames, TableName
from tests.integration.serve.answering import wait_until_answered
from tests.integration.serve.envelopes import EnvelopeWriter

Row = Mapping[str, object]


@dataclass
class Pair:
    """One table in both systems.

    Attributes:
        connection: to PostgreSQL, autocommit.
        pinot: the cluster.
        writer: of the topic.
        contract, physical: the table.
    """

    connection: psycopg.Connection
    pinot: PinotClient
    writer: EnvelopeWriter
    contract: TableContract
    project: str
    physical: str
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _prepared: dict[str, Prepared] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.contract.served_name

    @property
    def generation(self) -> Generation:
        return directory.resolve(self.pinot, self.project, self.name)

    @cached_property
    def _only_generation(self) -> Generation:
        return self.generation

    def ask(self, query: str, *, after: int | None = None, timeout_s: float = 30.0) -> QueryResult:
        """What `headrace query` answers, as often as it is asked: looked up and read once only.

        Args:
            after: wait until Pinot has everything below this offset.
        """
        prepared = self._prepared.get(query)
        if prepared is None:
            parsed, generation = statement.parse(query), self._only_generation
            assert parsed.table == self.name
            prepared = Prepared(parsed, generation, parsed.bind(generation.contract))
            self._prepared[query] = prepared
        fence = None if after is None else {0: after}
        client = QueryClient(self.pinot, self.project)
        return client.execute(prepared, after=fence, timeout_s=timeout_s)

    def fence(self, generation: Generation, timeout_s: float = 30.0) -> Mapping[int, int]:
        """The end of what was written; a transaction that is committed and not yet written is waited for."""
        assert generation.physical == self.physical
        with self._writing:
            return {0: self.writer.offset}

    def put(self, operation: str, rows: Sequence[Row], *, source: bool = True, stream: bool = True) -> None:
        """Write rows (`c`, `u`) or delete them (`d`) in one transaction, in both systems or in one only."""
        txid = 1
        with self._writing:
            if source:
                with self.connection.transaction():
                    found = self.connection.execute("SELECT pg_current_xact_id()::text").fetchone()
                    assert found is not None
                    txid = int(found[0])
                    self._to_source(operation, rows)
            if stream:
                self.writer.write(operation, rows, txid=txid)

    def commit(self) -> None:
        """Have Pinot commit its consuming segment."""
        before = len(self.pinot.segments(self.physical))
        self.pinot.force_commit(self.physical)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            wait_until_consuming(self.pinot, self.physical)
            if len(self.pinot.segments(self.physical)) > before:
                return
            time.sleep(0.1)
        raise AssertionError("the segment was not committed")

    def _to_source(self, operation: str, rows: Sequence[Row]) -> None:
        table, key = sql.Identifier(self.name), self.contract.key
        with self.connection.cursor() as cursor:
            if operation == "d":
                where = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in key)
                cursor.executemany(
                    sql.SQL("DELETE FROM {} WHERE {}").format(table, where),
                    [tuple(row[name] for name in key) for row in rows],
                )
                return
            names = list(rows[0])
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
                table,
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join(sql.Placeholder() * len(names)),
                sql.SQL(", ").join(map(sql.Identifier, key)),
                sql.SQL(", ").join(
                    sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in names
                ),
            )
            cursor.executemany(statement, [tuple(row.values()) for row in rows])


@contextmanager
def open_pair(
    engines: Endpoints,
    name: str,
    columns: tuple[Column, ...],
    key: tuple[str, ...] = ("id",),
    flush_rows: int | None = None,
    partitions: int = 1,
    retention_ms: int | None = None,
) -> Iterator[Pair]:
    """Make the table in both systems; remove it at the end. headrace's own topics have one partition."""
    project = "pairs"
    contract = TableContract(
        TableName("public", name), name, key, columns, flush_rows=flush_rows, retention_ms=retention_ms
    )
    names = CaptureNames(project, 1)
    topic = names.topic(contract.table)
    admin = AdminClient({"bootstrap.servers": engines.kafka_bootstrap})
    admin.create_topics([NewTopic(topic, partitions)])[topic].result()
    with PinotClient(engines.pinot_controller_url, engines.pinot_broker_url) as pinot:
        served = ServedTable(pinot, contract, names, Placement(engines.kafka_bootstrap), Status.LIVE)
        served.apply()
        wait_until_consuming(pinot, served.name)
        wait_until_answered(pinot, served.name)
        with psycopg.connect(**engines.source.conninfo(), autocommit=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(_create_statement(contract))
            writer = EnvelopeWriter(engines.kafka_bootstrap, topic, contract)
            try:
                yield Pair(connection, pinot, writer, contract, project, served.name)
            finally:
                connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
                served.delete()
                admin.delete_topics([topic])[topic].result()


def _create_statement(contract: TableContract) -> sql.Composed:
    parts = [
        sql.SQL("{} {} {}").format(
            sql.Identifier(column.name),
            sql.SQL(column.pg_type),  # type: ignore[arg-type]
            sql.SQL("" if column.nullable else "NOT NULL"),
        )
        for column in contract.columns
    ]
    return sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(
        sql.Identifier(contract.served_name),
        sql.SQL(", ").join(parts),
        sql.SQL(", ").join(map(sql.Identifier, contract.key)),
    )
