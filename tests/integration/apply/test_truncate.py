"""A TRUNCATE of tables whose topics have several partitions: every partition is emptied at its place."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import pytest

from headrace.apply.project import Project
from headrace.contract import Kind
from headrace.hops.topic.client import KafkaClient
from headrace.hops.topic.messages import read
from headrace.names import CaptureNames, TableName
from headrace.observe.trace import Place
from headrace.observe.whereabouts import verdict
from tests.faults.kills import kill, wait_until_back
from tests.integration.apply.project import RunningProject

pytestmark = pytest.mark.engines

ORDERS = TableName("public", "orders")
PARTITIONS = {"orders": 3, "items": 2}
ROUNDS = 40


@pytest.fixture
def opened(project: RunningProject) -> Project:
    """A table of partitions, published under its root's name, and one that refers to it."""
    project.execute(
        "DROP TABLE orders",
        "CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL) PARTITION BY RANGE (id)",
        "CREATE TABLE orders_low PARTITION OF orders FOR VALUES FROM (0) TO (250)",
        "CREATE TABLE orders_high PARTITION OF orders FOR VALUES FROM (250) TO (1000000)",
        "INSERT INTO orders SELECT g, 'order ' || g FROM generate_series(1, 500) g",
        "ALTER TABLE items ADD FOREIGN KEY (id) REFERENCES orders",
    )
    declared = [f"{table}: {{partitions: {number}}}" for table, number in PARTITIONS.items()]
    opened = project.declare(*declared)
    opened.apply()
    assert opened.plan().empty
    return opened


def sent(project: RunningProject, opened: Project, table: str) -> Counter[int]:
    """How many TRUNCATEs each partition of a table's topic holds."""
    (number,) = project.generations(table)
    topic = CaptureNames(project.name, number).topic(TableName("public", table))
    with KafkaClient(opened.endpoints.kafka_bootstrap) as kafka:
        records = [record for record in read(kafka, topic) if record.document["op"] == "t"]
    assert all(record.key is None for record in records)
    return Counter(record.partition for record in records)


def same(project: RunningProject) -> None:
    """Both systems hold the same rows.

    That a partition of the source was emptied is told all the same: PostgreSQL does not say whether alone.
    """
    for table in PARTITIONS:
        project.same(table)
    assert project.inexact() == {"orders": (), "items": ()}
    found = json.loads(project.run("verify", "--json")[1])
    assert found["equal"], found
    assert all("partition-emptied" in reason for table in found["tables"] for reason in table["inexact"]), (
        found
    )


def test_every_partition_of_every_table_is_emptied(project: RunningProject, opened: Project) -> None:
    project.execute("TRUNCATE orders CASCADE")
    assert project.served("SELECT count(*) FROM orders") == [(0,)]
    assert project.served("SELECT count(*) FROM items") == [(0,)]
    with project.connect() as connection, connection.transaction():
        connection.execute("INSERT INTO orders SELECT g, 'before' FROM generate_series(1, 90) g")
        connection.execute("INSERT INTO items SELECT g, 'before' FROM generate_series(1, 60) g")
        connection.execute("TRUNCATE items, orders")
        connection.execute("INSERT INTO orders SELECT g, 'after' FROM generate_series(60, 120) g")
        connection.execute("SAVEPOINT kept")
        connection.execute("TRUNCATE orders CASCADE")
        connection.execute("ROLLBACK TO SAVEPOINT kept")
    same(project)
    for table, partitions in PARTITIONS.items():
        assert sent(project, opened, table) == dict.fromkeys(range(partitions), 2)
    assert project.served("SELECT count(*) FROM orders") == [(61,)]
    gone = [opened.trace(ORDERS, [str(key)]) for key in range(200, 206)]
    newest = [found.newest for found in gone if found.newest is not None]
    assert [(one.kind, one.op) for one in newest] == [(Kind.TRUNCATE, "t")] * len(gone)
    assert len({one.partition for one in newest}) > 1
    sentences = {verdict(found).sentence for found in gone}
    assert sentences == {"the table was truncated, and that is everywhere"}
    back = opened.trace(ORDERS, ["60"])
    assert (back.newest is not None and back.newest.op, verdict(back).place) == ("c", Place.EVERYWHERE)


def test_a_kill_of_connect_tears_no_truncate(project: RunningProject, opened: Project) -> None:
    def write() -> None:
        with project.connect() as connection:
            for number in range(ROUNDS):
                connection.execute("TRUNCATE orders CASCADE")
                connection.execute(f"INSERT INTO orders SELECT g, '{number}' FROM generate_series(1, 30) g")
                connection.execute(f"INSERT INTO items SELECT g, '{number}' FROM generate_series(1, 20) g")
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.5)
    killed = kill(opened, "connect")
    writer.join()
    wait_until_back(opened, "connect", killed)
    same(project)
    for table, partitions in PARTITIONS.items():
        found = sent(project, opened, table)
        assert found.keys() == set(range(partitions))
        # One that was the last thing in Kafka at the kill is sent once more.
        assert set(found.values()) <= {ROUNDS, ROUNDS + 1}
