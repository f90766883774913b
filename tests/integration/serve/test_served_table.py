"""The served table as a resource: what is applied is read back, drift is repaired, deletion is complete."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from headrace.contract import Column, Conversion, TableContract
from headrace.endpoints import Endpoints
from headrace.errors import HeadraceError
from headrace.hops.serve import directory, probe
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Placement, Status
from headrace.hops.serve.resource import ServedTable, wait_until_consuming
from headrace.names import CaptureNames, TableName

pytestmark = pytest.mark.engines

_TYPES = {
    Conversion.DECIMAL: "numeric(12,2)",
    Conversion.BYTES: "bytea",
    Conversion.TEXT: "text",
    Conversion.JSON_TEXT: "integer[]",
}


@dataclass
class Made:
    table: ServedTable
    pinot: PinotClient


@pytest.fixture
def made(engines: Endpoints) -> Iterator[Made]:
    name = f"table_{uuid.uuid4().hex[:8]}"
    columns = [Column("id", "bigint", Conversion.LONG, False)]
    columns += [
        Column(f"c_{conversion.value}", _TYPES.get(conversion, conversion.value), conversion)
        for conversion in Conversion
    ]
    columns += [
        Column("free", "numeric", Conversion.DECIMAL),
        Column("whole", "numeric(9,0)", Conversion.DECIMAL, False),
        Column("doc", "jsonb", Conversion.TEXT),
    ]
    contract = TableContract(TableName("public", name), name, ("id",), tuple(columns))
    names = CaptureNames("tables", 1)
    topic = names.topic(contract.table)
    admin = AdminClient({"bootstrap.servers": engines.kafka_bootstrap})
    admin.create_topics([NewTopic(topic, 1)])[topic].result()
    with PinotClient(engines.pinot_controller_url, engines.pinot_broker_url) as pinot:
        table = ServedTable(pinot, contract, names, Placement(engines.kafka_bootstrap))
        yield Made(table, pinot)
        table.delete()
    admin.delete_topics([topic])[topic].result()


def test_what_is_applied_is_read_back_and_applying_again_changes_nothing(made: Made) -> None:
    assert made.table.read() is None
    made.table.apply()
    assert made.table.read() == made.table.desired
    made.table.apply()
    assert made.table.read() == made.table.desired
    wait_until_consuming(made.pinot, made.table.name)
    assert probe.positions(made.pinot, made.table.name) == {0: 0}
    assert probe.health(made.pinot, made.table.name).ok


def test_drift_is_seen_and_repaired(made: Made) -> None:
    made.table.apply()
    config = made.pinot.table_config(made.table.name)
    assert config is not None
    indexing = config["tableIndexConfig"]
    assert isinstance(indexing, dict)
    indexing["invertedIndexColumns"] = ["c_text"]
    indexing["streamConfigs"]["realtime.segment.flush.threshold.rows"] = "7"
    made.pinot.update_table(made.table.name, config)
    assert made.table.read() != made.table.desired
    made.table.apply()
    assert made.table.read() == made.table.desired


def test_indexes_and_the_flush_threshold_change_in_place(made: Made) -> None:
    made.table.apply()
    contract = made.table.contract
    columns = tuple(
        replace(column, index="inverted") if column.name == "c_text" else column
        for column in contract.columns
    )
    changed = replace(made.table, contract=replace(contract, columns=columns, flush_rows=1000))
    assert changed.read() != changed.desired
    changed.apply()
    assert changed.read() == changed.desired


def test_another_shape_is_refused(made: Made) -> None:
    made.table.apply()
    contract = made.table.contract
    other = replace(made.table, contract=replace(contract, columns=contract.columns[:-1]))
    with pytest.raises(HeadraceError) as caught:
        other.apply()
    assert caught.value.code == "served-table-shape"


def test_the_directory_follows_the_status(made: Made) -> None:
    made.table.apply()
    name, project = made.table.contract.served_name, made.table.names.project
    with pytest.raises(HeadraceError) as caught:
        directory.resolve(made.pinot, project, name)
    assert caught.value.code == "served-table-unknown"
    made.table.set_status(Status.LIVE)
    assert directory.resolve(made.pinot, project, name.upper()).physical == made.table.name
    made.table.set_status(Status.RETIRED)
    assert directory.look(made.pinot, project).find(name) is None


def test_deleting_twice(made: Made) -> None:
    made.table.apply()
    made.table.delete()
    assert made.table.read() is None
    assert made.pinot.schema(made.table.name) is None
    made.table.delete()
