"""Writes the configuration of a capture's connector.

Promise: pure; the same contracts in any order give the same configuration. No secret stands in it: the
password and the key of the masks are references that the worker resolves. Every property was checked
against the ConfigDef of Debezium 3.7.0.Final and Kafka Connect 4.3.1 (tests/integration/test_capture.py
asks the running worker again).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.contract import UNAVAILABLE, Mask, TableContract
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError, Where
from headrace.hops.source.types import SESSION_OPTIONS, snapshot_select
from headrace.hops.topic.resource import MAX_RECORD_BYTES, offset_topic
from headrace.names import CaptureNames, TableName

CONNECTOR_CLASS = "io.debezium.connector.postgresql.PostgresConnector"
EXACT_CONNECTOR_CLASS = "io.headrace.capture.ExactPostgresConnector"
"""Debezium's with our positions: stock 3.7.0 loses the second half of a changed key, or the rest of the rows
that COPY wrote together, when it is killed between the two; and a TRUNCATE reaches one partition only there
(java/capture)."""

TRUNCATE_PARTITIONS = "headrace.topic.partitions"
"""The setting of our connector that says which topics have several partitions."""

ROW_GUARD_CLASS = "io.headrace.connect.RowGuard"
STOCK_CONVERTER_CLASS = "org.apache.kafka.connect.json.JsonConverter"
STRUCT_CONVERTER_CLASS = "io.headrace.connect.StructJsonConverter"
"""Writes the very same bytes with less work (java/connect)."""

MAX_ROW_BYTES = 10 * 1024 * 1024
HEARTBEAT_PREFIX = "headrace.heartbeat"
HEARTBEAT_INTERVAL_MS = 10_000
POLL_INTERVAL_MS = 5
"""Debezium waits so long before it hands on what it has, and burns half a millisecond of each wait."""

EXACT_POLL_INTERVAL_MS = 1
"""Our connector hands on at once: there it is only the pause of the thread that reads the log."""

_CASE_SENSITIVE = "(?-i)"
"""Debezium compiles its lists without regard to case; "Orders" and "orders" are two tables."""


@dataclass(frozen=True)
class RowGuard:
    """The transformation that masks columns and sets large rows aside, where the worker has it.

    Attributes:
        mask_key_file: Java properties file of mode 600 with the line `mask_key=...`; needed for hashes only.
    """

    mask_key_file: Path | None = None
    max_row_bytes: int = MAX_ROW_BYTES


def connector_config(
    names: CaptureNames,
    contracts: Sequence[TableContract],
    source: SourceAddress,
    *,
    guard: RowGuard | None,
    connector_class: str = CONNECTOR_CLASS,
    converter_class: str = STOCK_CONVERTER_CLASS,
    every_partition: bool = False,
) -> dict[str, str]:
    """The whole configuration of the connector of one capture.

    Args:
        guard: None when the worker has no row guard: then no column can be masked.
        connector_class: `CaptureCapability.connector_class`.
        converter_class: `CaptureCapability.converter_class`.
        every_partition: `CaptureCapability.every_partition`.

    Raises:
        HeadraceError: `row-guard-missing`, `mask-name-unsupported`, `exact-connector-missing`.
    """
    tables = sorted(contracts, key=lambda contract: contract.table)
    return {
        "connector.class": connector_class,
        **_identity(names),
        **_source(source),
        **_selection(tables),
        **_partitions(names, tables, every_partition),
        **_freshness(connector_class),
        **_exactness(names),
        **_values(converter_class),
        **_snapshot(tables),
        **_liveness(names),
        **_guard(tables, guard),
    }


def included_tables(config: dict[str, str]) -> tuple[TableName, ...]:
    """The tables a configuration of ours includes: the inverse of what `connector_config` wrote."""
    listed = config.get("table.include.list", "")
    plain = [
        re.sub(r"\\x([0-9a-f]{2})|\\(.)", _unescaped, entry.removeprefix(_CASE_SENSITIVE))
        for entry in listed.split(",")
        if entry
    ]
    return tuple(TableName.parse(name) for name in plain)


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2]


def _identity(names: CaptureNames) -> dict[str, str]:
    return {
        "tasks.max": "1",
        "topic.prefix": names.topic_prefix,
        "plugin.name": "pgoutput",
        "slot.name": names.slot,
        "publication.name": names.publication,
        # Ours, made before: Debezium's own default publishes every table and breaks writes of keyless ones.
        "publication.autocreate.mode": "disabled",
    }


def _source(source: SourceAddress) -> dict[str, str]:
    settings = {
        "database.hostname": source.host,
        "database.port": str(source.port),
        "database.dbname": source.database,
        "database.user": source.user,
        "database.password": f"${{file:{source.password_file}:password}}",
        "database.sslmode": source.sslmode,
        # The server's own defaults for floats, bytes, dates and zones would change or break values.
        "driver.options": SESSION_OPTIONS,
    }
    if source.sslrootcert:
        settings["database.sslrootcert"] = source.sslrootcert
    return settings


def _selection(tables: Sequence[TableContract]) -> dict[str, str]:
    included = [_CASE_SENSITIVE + _pattern(t.table.schema, t.table.table) for t in tables]
    excluded = [
        _CASE_SENSITIVE + _pattern(t.table.schema, t.table.table, column)
        for t in tables
        for column in t.excluded
    ]
    keys = [
        f"{_CASE_SENSITIVE}{_pattern(t.table.schema, t.table.table)}:{','.join(map(_literal, t.key))}"
        for t in tables
        if t.declared_key
    ]
    settings = {"table.include.list": ",".join(included)}
    if excluded:
        settings["column.exclude.list"] = ",".join(excluded)
    if keys:
        settings["message.key.columns"] = ";".join(keys)
    return settings


def _pattern(*parts: str) -> str:
    return r"\.".join(_literal(part) for part in parts)


def _literal(name: str) -> str:
    """A Java regular expression that matches this name only, without the list separators , : ; and space."""
    return "".join(
        char if char.isalnum() or char == "_" or not char.isascii() else f"\\x{ord(char):02x}"
        for char in name
    )


def _partitions(
    names: CaptureNames, tables: Sequence[TableContract], every_partition: bool
) -> dict[str, str]:
    """Which topics have several partitions, so that a TRUNCATE, which has no key, is sent to each of them."""
    several = [table for table in tables if table.partitions > 1]
    if not several:
        return {}
    if not every_partition:
        raise HeadraceError(
            "exact-connector-missing",
            f"{several[0].table} cannot have {several[0].partitions} partitions:"
            f" the Connect worker has no {EXACT_CONNECTOR_CLASS} of today",
            cause="others send a TRUNCATE to one partition, and the rest keep their rows",
            hint="after an upgrade `headrace down` and `headrace up` start the new one; otherwise put"
            " headrace's capture jar beside Debezium's on the worker's plugin.path, or declare the table with"
            " `partitions: 1`",
            where=Where(address=f"table:{several[0].table}"),
        )
    return {
        TRUNCATE_PARTITIONS: ",".join(f"{names.topic(table.table)}={table.partitions}" for table in several)
    }


def _freshness(connector_class: str) -> dict[str, str]:
    exact = connector_class == EXACT_CONNECTOR_CLASS
    return {
        "poll.interval.ms": str(EXACT_POLL_INTERVAL_MS if exact else POLL_INTERVAL_MS),
        # A batch is a transaction of Kafka. Our connector's are as large as what has arrived, up to this.
        "max.batch.size": "4096" if exact else "2048",
        "max.queue.size": "8192",
        # Our connector bounds its own queue.
        "max.queue.size.in.bytes": "0" if exact else str(64 * 1024 * 1024),
        "producer.override.linger.ms": "0",
        "producer.override.batch.size": str(256 * 1024),
        "producer.override.compression.type": "lz4",
    }


def _exactness(names: CaptureNames) -> dict[str, str]:
    return {
        "exactly.once.support": "required",
        # Not `interval`: a retried poll would put rows twice into the open transaction.
        "transaction.boundary": "poll",
        # Positions in a topic of the capture's own: the proof of the snapshot is read there.
        "offsets.storage.topic": offset_topic(names),
        # A worker that died holds readers up at its open transaction for no longer than this.
        "producer.override.transaction.timeout.ms": "30000",
        "producer.override.max.request.size": str(MAX_RECORD_BYTES),
        "producer.override.buffer.memory": str(MAX_RECORD_BYTES + 32 * 1024 * 1024),
        "lsn.flush.mode": "connector",
        "event.processing.failure.handling.mode": "fail",
        "event.converting.failure.handling.mode": "fail",
        "errors.tolerance": "none",
        "skipped.operations": "none",
        "tombstones.on.delete": "false",
        "provide.transaction.metadata": "false",
        "extended.headers.enabled": "false",
    }


def _values(converter: str) -> dict[str, str]:
    return {
        "key.converter": converter,
        "key.converter.schemas.enable": "false",
        "key.converter.replace.null.with.default": "false",
        "value.converter": converter,
        "value.converter.schemas.enable": "false",
        "value.converter.replace.null.with.default": "false",
        "decimal.handling.mode": "string",
        "time.precision.mode": "microseconds",
        "interval.handling.mode": "string",
        "binary.handling.mode": "base64",
        "hstore.handling.mode": "json",
        "unavailable.value.placeholder": UNAVAILABLE,
    }


def _snapshot(tables: Sequence[TableContract]) -> dict[str, str]:
    selects = {str(t.table): select for t in tables if (select := snapshot_select(t)) is not None}
    overrides = {f"snapshot.select.statement.overrides.{name}": select for name, select in selects.items()}
    if selects:
        overrides["snapshot.select.statement.overrides"] = ",".join(selects)
    return {
        **overrides,
        "snapshot.mode": "initial",
        # One connection: rows of a table are read in one order, under the slot's own snapshot.
        "snapshot.max.threads": "1",
        "snapshot.fetch.size": "2000",
    }


def _liveness(names: CaptureNames) -> dict[str, str]:
    return {
        # Without it an idle slot keeps the WAL of everybody else's changes.
        "heartbeat.interval.ms": str(HEARTBEAT_INTERVAL_MS),
        "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, '{HEARTBEAT_PREFIX}', '')",
        "topic.heartbeat.name": names.heartbeat_topic,
        "message.prefix.include.list": "headrace\\..*",
        "notification.enabled.channels": "sink",
        "notification.sink.topic.name": names.notification_topic,
        "retriable.restart.connector.wait.ms": "1000",
        # After a crash PostgreSQL may take a while to notice that the old reader of the slot is gone.
        "slot.max.retries": "60",
        "slot.retry.delay.ms": "1000",
    }


def _guard(tables: Sequence[TableContract], guard: RowGuard | None) -> dict[str, str]:
    masked = [(t.table, column) for t in tables for column in t.columns if column.mask is not None]
    if guard is None:
        if masked:
            table, column = masked[0]
            raise HeadraceError(
                "row-guard-missing",
                f"column {column.name} cannot be masked: the Connect worker has no {ROW_GUARD_CLASS}",
                hint="put headrace's connect jar on the worker's plugin.path, or leave the column out",
                where=Where(address=f"table:{table}"),
            )
        return {}
    settings = {
        "transforms": "guard",
        "transforms.guard.type": ROW_GUARD_CLASS,
        "transforms.guard.row.max.bytes": str(guard.max_row_bytes),
    }
    if masked:
        settings["transforms.guard.mask.columns"] = ",".join(
            f"{_unlisted(table, f'{table}.{column.name}')}={column.mask}" for table, column in masked
        )
    if any(column.mask is Mask.HASH for _, column in masked):
        if guard.mask_key_file is None:
            raise HeadraceError(
                "mask-key-missing",
                "columns are masked by a keyed hash but there is no key",
                hint="`headrace apply` makes it, in .headrace/secrets",
            )
        settings["transforms.guard.mask.key"] = f"${{file:{guard.mask_key_file}:mask_key}}"
    return settings


def _unlisted(table: TableName, name: str) -> str:
    if re.search(r"[,=\s]", name):
        raise HeadraceError(
            "mask-name-unsupported",
            f"column {name!r} cannot be masked: its name holds a comma, an equals sign or a space",
            hint="leave the column out instead",
            where=Where(address=f"table:{table}"),
        )
    return name
