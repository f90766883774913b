"""The same path at stock settings, for comparison: what one gets from the documentation's examples.

Debezium with its defaults and the flattening transformation, Kafka, and Pinot's own JSON decoder and
consumer on a table with full upserts. It stands beside ours on the same engines and carries the same table.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from headrace.apply.progress import silent, wait_until
from headrace.hops.capture import probe
from headrace.hops.capture.resource import Connector
from headrace.hops.serve.resource import delete_table, wait_until_consuming
from headrace.verify.freshness import Path

if TYPE_CHECKING:
    from headrace.apply.real import Connections

NAME = "stock"


@contextmanager
def stock_path(connections: Connections, table: str) -> Generator[Path]:
    """Carry `public.<table>`, which has a bigint key `id`, at stock settings for the length of a block."""
    topic = f"{NAME}.public.{table}"
    physical = f"{NAME}_{table}"
    connector = Connector(connections.connect, NAME, _connector(connections, table))
    try:
        if connections.kafka.partitions(topic) is None:
            connections.kafka.create_topic(topic, 1, {})
        connector.apply()
        wait_until(
            lambda: None if _runs(connections) else "its task does not run yet",
            "the stock connector",
            silent,
            timeout_s=120,
        )
        connections.pinot.put_schema(_schema(physical))
        connections.pinot.create_table(_table(connections, physical, topic))
        wait_until_consuming(connections.pinot, physical)
        yield Path(NAME, connections.pinot, physical)
    finally:
        delete_table(connections.pinot, physical)
        connector.delete()
        wait_until(
            lambda: None if _slot_dropped(connections) else "the slot is still read",
            "the stock slot",
            silent,
            timeout_s=60,
        )
        connections.kafka.delete_topic(topic)


def _connector(connections: Connections, table: str) -> dict[str, str]:
    source = connections.endpoints.for_engines.source
    converter = "org.apache.kafka.connect.json.JsonConverter"
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": source.host,
        "database.port": str(source.port),
        "database.dbname": source.database,
        "database.user": source.user,
        "database.password": f"${{file:{source.password_file}:password}}",
        "plugin.name": "pgoutput",
        "topic.prefix": NAME,
        "slot.name": NAME,
        "publication.name": NAME,
        "publication.autocreate.mode": "filtered",
        "table.include.list": f"public.{table}",
        "decimal.handling.mode": "string",
        # The heartbeats of the connector beside it would go to a topic that does not exist.
        "message.prefix.exclude.list": "headrace\\..*",
        "transforms": "unwrap",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.unwrap.add.fields": "source.ts_ms",
        "key.converter": converter,
        "key.converter.schemas.enable": "false",
        "value.converter": converter,
        "value.converter.schemas.enable": "false",
    }


def _schema(physical: str) -> dict[str, object]:
    return {
        "schemaName": physical,
        "primaryKeyColumns": ["id"],
        "dimensionFieldSpecs": [{"name": "id", "dataType": "LONG"}, {"name": "status", "dataType": "STRING"}],
        "dateTimeFieldSpecs": [
            {
                "name": "__source_ts_ms",
                "dataType": "LONG",
                "format": "1:MILLISECONDS:EPOCH",
                "granularity": "1:MILLISECONDS",
            }
        ],
    }


def _table(connections: Connections, physical: str, topic: str) -> dict[str, object]:
    return {
        "tableName": f"{physical}_REALTIME",
        "tableType": "REALTIME",
        "segmentsConfig": {
            "timeColumnName": "__source_ts_ms",
            "schemaName": physical,
            "replication": "1",
            "replicasPerPartition": "1",
        },
        "tenants": {},
        "tableIndexConfig": {
            "loadMode": "MMAP",
            "streamConfigs": {
                "streamType": "kafka",
                "stream.kafka.topic.name": topic,
                "stream.kafka.broker.list": connections.endpoints.for_engines.kafka_bootstrap,
                "stream.kafka.consumer.type": "lowlevel",
                "stream.kafka.consumer.factory.class.name": (
                    "org.apache.pinot.plugin.stream.kafka20.KafkaConsumerFactory"
                ),
                "stream.kafka.decoder.class.name": (
                    "org.apache.pinot.plugin.stream.kafka.KafkaJSONMessageDecoder"
                ),
                "stream.kafka.consumer.prop.auto.offset.reset": "smallest",
            },
        },
        "routing": {"instanceSelectorType": "strictReplicaGroup"},
        "upsertConfig": {"mode": "FULL"},
        "metadata": {},
    }


def _runs(connections: Connections) -> bool:
    status = probe.status(connections.connect, NAME)
    return status is not None and status.is_healthy


def _slot_dropped(connections: Connections) -> bool:
    """Drop the slot and the publication; False while the connector still reads."""
    from headrace.feed.connect import connect

    with connect(connections.endpoints.source) as session:
        active = session.execute(
            "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s AND active", (NAME,)
        ).fetchone()
        if active and active[0]:
            return False
        try:
            session.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s",
                (NAME,),
            )
            session.execute("DROP PUBLICATION IF EXISTS stock")
        except psycopg.Error:
            return False
    return True
