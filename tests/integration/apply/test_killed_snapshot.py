"""An engine is killed while the initial snapshot is read: what is served at the end is exact all the same."""

from __future__ import annotations

import time

import pytest

from headrace.apply.project import Project
from headrace.hops.topic.client import Edge, KafkaClient
from tests.faults.kills import kill, wait_until_back
from tests.integration.apply.project import RunningProject

pytestmark = [pytest.mark.engines, pytest.mark.slow]

ROWS = 200_000
SELDOM = [
    pytest.param(engine, marks=pytest.mark.long)
    for engine in ("postgres", "kafka", "zookeeper", "pinot", "supervisor")
]
SUMS = "SELECT COUNT(*), SUM(id) FROM orders"


@pytest.mark.parametrize("engine", ["connect", *SELDOM])
def test_a_snapshot_whose_engine_is_killed_ends_exact(project: RunningProject, engine: str) -> None:
    project.execute(f"INSERT INTO orders SELECT g, 'order ' || g FROM generate_series(501, {ROWS}) g")
    opened = project.declare("orders")
    process = project.command("apply", "--yes")
    try:
        _wait_for_rows_of_the_snapshot(opened)
        assert process.poll() is None, "apply has ended already"
        killed = kill(opened, engine)
        wait_until_back(opened, engine, killed)
        project.execute(
            f"INSERT INTO orders VALUES ({ROWS + 1}, 'during')",
            "UPDATE orders SET note = 'changed' WHERE id % 1000 = 0",
            "DELETE FROM orders WHERE id <= 100",
        )
        _, told = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode in (0, 1), told.decode()

    opened.apply()

    assert opened.plan().empty
    assert list(project.generations("orders").values()) == ["live"]
    assert len([line for line in project.catalogue() if line.startswith("slot ")]) == 1
    assert project.inexact() == {"orders": ()}
    assert project.run("verify")[0] == 0
    assert project.served(SUMS) == project.source(SUMS)


def _wait_for_rows_of_the_snapshot(opened: Project) -> None:
    """Some of them are in Kafka, and not all."""
    deadline = time.monotonic() + 120
    with KafkaClient(opened.endpoints.kafka_bootstrap) as kafka:
        while time.monotonic() < deadline:
            topics = [topic for topic in kafka.topics() if topic.endswith(".public.orders")]
            ends = kafka.offsets(topics, Edge.WRITTEN)
            if rows := sum(end for of_one in ends.values() for end in of_one.values()):
                assert rows < ROWS
                return
            time.sleep(0.02)
    pytest.fail("no row of the snapshot within 120 s")
