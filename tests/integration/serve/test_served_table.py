"""The served table as a resource: what is applied is read back, drift is repaired, deletion is complete."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from headrace.apply.project import open_project
from headrace.contract import Column, Conversion, TableContract
from headrace.endpoints import Endpoints
from headrace.errors import HeadraceError
from headrace.hops.serve import directory, probe
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.query import QueryClient
from headrace.hops.serve.render import Placement, Status
from headrace.hops.serve.resource import ServedTable, wait_until_consuming
from headrace.names import CaptureNames, TableName
from tests.faults.kills import pid_of
from tests.integration.serve.pairs import open_pair

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


def test_what_pinot_keeps_of_a_table_goes_with_it(engines: Endpoints, engines_folder: Path) -> None:
    """Every resync deletes a generation; its keys are the larger part of Pinot's memory."""
    pid = pid_of(open_project(engines_folder), "pinot")
    assert pid is not None
    columns = (Column("id", "bigint", Conversion.LONG, False),)
    name = f"table_{uuid.uuid4().hex[:8]}"
    with open_pair(engines, name, columns) as pair:
        pair.put("c", [{"id": 1}])
        query = f"SELECT COUNT(*) FROM {name}"
        assert QueryClient(pair.pinot, pair.project).run(query, after={0: 1}, timeout_s=30).rows == [(1,)]
        kept = partitions_in_memory(pid)
        assert kept > 0
    deadline = time.monotonic() + 60
    while partitions_in_memory(pid) >= kept:
        assert time.monotonic() < deadline
        time.sleep(1)


def partitions_in_memory(pid: int) -> int:
    """Live ones: the JVM collects its garbage before it counts."""
    said = subprocess.run(
        ["jcmd", str(pid), "GC.class_histogram"], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in said.splitlines()]
    return sum(int(row[1]) for row in rows if "io.headrace.pinot.ArrivalPartition" in row)
