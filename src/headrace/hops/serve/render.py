"""Contract -> Pinot schema and REALTIME table config; pure.

Promise: the same contract, names and address always give the same documents, and they are written the way
Pinot hands them back, so that reading and comparing needs no guesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headrace.contract import (
    LONG_TEXT,
    MICROS_SUFFIX,
    PINOT_TYPE,
    UNAVAILABLE,
    VERSION_COLUMN,
    Column,
    Conversion,
    TableContract,
)
from headrace.hops.serve.types import fixed_scale
from headrace.names import GenerationNames

DECODER_CLASS = "io.headrace.pinot.EnvelopeDecoder"
CONSUMER_FACTORY_CLASS = "io.headrace.pinot.HeadraceConsumerFactory"
UPSERT_MANAGER_CLASS = "io.headrace.pinot.ArrivalUpsertMetadataManager"

CONTRACT_PROPERTY = "stream.kafka.decoder.prop.headrace.contract"
"""How the decoder is told the contract."""

UNAVAILABLE_PROPERTY = "stream.kafka.decoder.prop.headrace.unavailable"
"""How the decoder is told what stands for a value the log does not hold."""

MAX_STRING_LENGTH = 2147483647
"""Pinot cuts longer strings without a word; its own default is 512."""

FLUSH_ROWS = 80_000
"""In bulk a segment takes up to twelve times as many (decision 21); all of it is read again after a crash."""
FLUSH_HOURS = 24
FLUSHES_PER_RETENTION = 4
"""A restart reads again from the last commit: the log must still have that, also if a commit fails."""
TIME_COLUMN = "__commit_time"
KIND_COLUMN = "__kind"

WITH_MICROS = frozenset({Conversion.TIMESTAMP_MICROS, Conversion.TIMESTAMP_TZ})
"""Conversions that add a `<c>__micros` LONG beside the TIMESTAMP."""

_AS_TIME = frozenset({Conversion.DATE, Conversion.TIMESTAMP_MICROS, Conversion.TIMESTAMP_TZ})
_RAW_CONVERSIONS = frozenset(
    {
        Conversion.FLOAT,
        Conversion.DOUBLE,
        Conversion.BYTES,
        Conversion.JSON_TEXT,
    }
)
_NEEDS_DICTIONARY = frozenset({"inverted"})


class Status(StrEnum):
    """What readers may do with a physical table."""

    BUILDING = "building"  # being filled, never answered from
    LIVE = "live"  # the one its served name means
    RETIRED = "retired"  # replaced, about to be deleted


class Config:
    """Keys of `metadata.customConfigs`: where the served names live (docs/adr/0004-stable-names.md)."""

    PROJECT = "headrace.project"
    TABLE = "headrace.table"
    NAME = "headrace.name"
    CAPTURE = "headrace.capture"
    STATUS = "headrace.status"
    CONTRACT = "headrace.contract"


@dataclass(frozen=True)
class Placement:
    """What the table config needs besides the contract.

    Attributes:
        kafka_bootstrap: the brokers as Pinot's servers reach them.
        replicas: copies of each segment.
        stock: use Pinot's own JSON decoder, consumer and upsert (for tests of Pinot itself; not exact).
        kafka_properties: client properties by bare name (`security.protocol`); no secret in them.
    """

    kafka_bootstrap: str
    replicas: int = 1
    kafka_properties: tuple[tuple[str, str], ...] = ()


def schema(contract: TableContract, names: GenerationNames) -> dict[str, object]:
    """The Pinot schema of one generation of a table."""
    dimensions: list[dict[str, object]] = []
    metrics: list[dict[str, object]] = []
    times: list[dict[str, object]] = []
    for column in contract.columns:
        if column.conversion in _AS_TIME:
            times.append(_time(column.name))
        elif column.conversion is Conversion.DECIMAL:
            metrics.append({"name": column.name, "dataType": "BIG_DECIMAL"})
        else:
            dimensions.append(_dimension(column.name, PINOT_TYPE[column.conversion]))
        if column.conversion in WITH_MICROS:
            dimensions.append(_dimension(column.name + MICROS_SUFFIX, "LONG"))
    for name, data_type in contract.system_columns.items():
        if data_type == "TIMESTAMP":
            times.append(_time(name))
        else:
            dimensions.append(_dimension(name, data_type))
    document: dict[str, object] = {
        "schemaName": names.pinot_table(contract.served_name),
        "primaryKeyColumns": list(contract.key),
        "dimensionFieldSpecs": dimensions,
        "dateTimeFieldSpecs": times,
    }
    if metrics:
        document["metricFieldSpecs"] = metrics
    return document


def table(
    contract: TableContract, names: GenerationNames, place: Placement, status: Status
) -> dict[str, object]:
    """The REALTIME table config of one generation of a table."""
    name = names.pinot_table(contract.served_name)
    return {
        "tableName": f"{name}_REALTIME",
        "tableType": "REALTIME",
        "segmentsConfig": {
            "timeColumnName": TIME_COLUMN,
            "schemaName": name,
            "replication": str(place.replicas),
            "replicasPerPartition": str(place.replicas),
        },
        "tenants": {"broker": "DefaultTenant", "server": "DefaultTenant"},
        "tableIndexConfig": _indexing(contract, names, place),
        "fieldConfigList": _field_configs(contract),
        "routing": {"instanceSelectorType": "strictReplicaGroup"},
        "upsertConfig": {
            "mode": "FULL",
            "comparisonColumn": VERSION_COLUMN if contract.versioned else KIND_COLUMN,
            "metadataManagerClass": UPSERT_MANAGER_CLASS,
        },
        "metadata": {"customConfigs": custom_configs(contract, names, status)},
    }


def custom_configs(contract: TableContract, names: GenerationNames, status: Status) -> dict[str, str]:
    """What the directory reads: which served name this physical table stands for, and its contract."""
    return {
        Config.PROJECT: names.project,
        Config.TABLE: str(contract.table),
        Config.NAME: contract.served_name,
        Config.CAPTURE: names.label,
        Config.STATUS: status.value,
        Config.CONTRACT: contract.to_json(),
    }


def is_raw(column: Column) -> bool:
    """Whether the column is stored without a dictionary.

    Keys have one (point lookups), texts have one of variable length, decimals of a fixed scale have one
    because Pinot groups them only so (without a fixed scale it would keep 1.0 and 1.00 apart in it); floats,
    bytes and documents have none, unless an index asked for needs it.
    """
    if column.index in _NEEDS_DICTIONARY:
        return False
    if column.conversion is Conversion.DECIMAL:
        return fixed_scale(column.pg_type) is None
    return column.conversion in _RAW_CONVERSIONS or column.pg_type in LONG_TEXT


def _indexing(contract: TableContract, names: GenerationNames, place: Placement) -> dict[str, object]:
    by_index: dict[str, list[str]] = {}
    for column in contract.columns:
        if column.index:
            by_index.setdefault(column.index, []).append(column.name)
    raw = [column.name for column in contract.columns if is_raw(column)]
    raw += [c.name + MICROS_SUFFIX for c in contract.columns if c.conversion in WITH_MICROS]
    raw += ["__lsn", "__txid", "__offset", *([VERSION_COLUMN] if contract.versioned else [])]
    texts = [
        column.name
        for column in contract.columns
        if PINOT_TYPE[column.conversion] == "STRING" and not is_raw(column)
    ]
    document: dict[str, object] = {
        "loadMode": "MMAP",
        "nullHandlingEnabled": True,
        "noDictionaryColumns": raw,
        "varLengthDictionaryColumns": texts,
        "streamConfigs": _stream(contract, names, place),
    }
    if "inverted" in by_index:
        document["invertedIndexColumns"] = by_index["inverted"]
    if "range" in by_index:
        document["rangeIndexColumns"] = by_index["range"]
    if "bloom" in by_index:
        document["bloomFilterColumns"] = by_index["bloom"]
    return document


def _stream(contract: TableContract, names: GenerationNames, place: Placement) -> dict[str, str]:
    return {
        "streamType": "kafka",
        "stream.kafka.topic.name": names.topic(contract.table),
        "stream.kafka.broker.list": place.kafka_bootstrap,
        "stream.kafka.consumer.type": "lowlevel",
        "stream.kafka.consumer.factory.class.name": CONSUMER_FACTORY_CLASS,
        "stream.kafka.decoder.class.name": DECODER_CLASS,
        CONTRACT_PROPERTY: contract.to_json(),
        UNAVAILABLE_PROPERTY: UNAVAILABLE,
        "stream.kafka.consumer.prop.auto.offset.reset": "smallest",
        "stream.kafka.isolation.level": "read_committed",
        "stream.kafka.fetch.timeout.millis": "1000",
        "auto.offset.reset": "none",
        "fetch.min.bytes": "1",
        "realtime.segment.flush.threshold.rows": str(contract.flush_rows or FLUSH_ROWS),
        "realtime.segment.flush.threshold.time": _flush_time(contract),
        **dict(place.kafka_properties),
    }


def _flush_time(contract: TableContract) -> str:
    """After which a segment is committed that has rows, well before the log forgets them."""
    hours_ms = FLUSH_HOURS * 3_600_000
    retention_ms = contract.retention_ms
    if retention_ms is None or not 0 <= retention_ms < FLUSHES_PER_RETENTION * hours_ms:
        return f"{FLUSH_HOURS}h"
    return f"{max(1, retention_ms // FLUSHES_PER_RETENTION // 60_000)}m"


def _field_configs(contract: TableContract) -> list[dict[str, object]]:
    """Raw columns of variable length in chunks of about a megabyte, not of 1,000 rows.

    In the third format: the fourth writes through a file named by the column alone, which two segments built
    at the same time share (Pinot 0.11.0, apache/pinot#12587).
    """
    found: list[dict[str, object]] = []
    for column in contract.columns:
        variable = PINOT_TYPE[column.conversion] in {"STRING", "BYTES", "BIG_DECIMAL"}
        if variable and is_raw(column):
            found.append(
                {
                    "name": column.name,
                    "encodingType": "RAW",
                    "indexTypes": [],
                    "properties": {"rawIndexWriterVersion": "3", "deriveNumDocsPerChunkForRawIndex": "true"},
                }
            )
    return found


def _dimension(name: str, data_type: str) -> dict[str, object]:
    document: dict[str, object] = {"name": name, "dataType": data_type}
    if data_type == "STRING":
        document["maxLength"] = MAX_STRING_LENGTH
        document["defaultNullValue"] = ""
    elif data_type in {"INT", "LONG"}:
        document["defaultNullValue"] = 0
    elif data_type in {"FLOAT", "DOUBLE"}:
        document["defaultNullValue"] = 0.0
    return document


def _time(name: str) -> dict[str, object]:
    return {
        "name": name,
        "dataType": "TIMESTAMP",
        "format": "1:MILLISECONDS:TIMESTAMP",
        "granularity": "1:MILLISECONDS",
    }
