"""A log that loses records Pinot had read, or has still to read: said, and healed by apply."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from headrace.apply.project import Project
from headrace.engines.process import ProcessIdentity
from headrace.hops.topic import marks
from headrace.hops.topic.client import Edge, KafkaClient
from headrace.names import CaptureNames, TableName
from headrace.observe.log_watch import LogWatch
from tests.faults.kills import pid_of
from tests.integration.apply.project import RunningProject
from tests.integration.lifecycle.small_project import eventually

pytestmark = pytest.mark.engines


def serve_orders(project: RunningProject) -> tuple[Project, int, str]:
    """The project with its table served, the number of the generation, and the topic it reads."""
    opened = project.declare("orders")
    opened.apply()
    (number,) = project.generations("orders")
    project.same("orders")
    return opened, number, CaptureNames(project.name, number).topic(TableName("public", "orders"))


def healed(project: RunningProject, number: int) -> None:
    """Told, planned, built anew, and not told any more."""
    eventually(lambda: "log-lost" in project.alerts(), timeout_s=120)
    told = project.status()
    assert "log-lost" in {alert["code"] for alert in told["alerts"]}
    (table,) = told["tables"]
    assert table["exact"] is False
    assert "are gone" in project.run("plan")[1]
    assert project.run("apply", "--yes")[0] == 0
    (now,) = project.generations("orders")
    assert now > number
    project.same("orders")
    eventually(lambda: "log-lost" not in project.alerts(), timeout_s=120)
    assert project.run("plan", "--detailed-exitcode")[0] == 0


def test_records_that_retention_took_before_they_were_read(project: RunningProject) -> None:
    opened, number, topic = serve_orders(project)
    pinot = ProcessIdentity.of(pid_of(opened, "pinot") or 0)
    assert pinot is not None
    with KafkaClient(opened.endpoints.kafka_bootstrap) as kafka:
        (before,) = kafka.offsets([topic], Edge.COMMITTED)[topic].values()
        pinot.send(signal.SIGSTOP)
        try:
            project.execute("INSERT INTO orders VALUES (1001, 'never read'), (1002, 'neither')")
            eventually(lambda: kafka.offsets([topic], Edge.COMMITTED)[topic][0] > before)
            # The fetch that waited at the broker has its answer by now; what comes next is not in it.
            project.execute("INSERT INTO orders VALUES (1003, 'gone')")
            time.sleep(0.5)
            (end,) = kafka.offsets([topic], Edge.COMMITTED)[topic].values()
            admin = AdminClient({"bootstrap.servers": opened.endpoints.kafka_bootstrap})
            for future in admin.delete_records([TopicPartition(topic, 0, end)]).values():
                future.result()
        finally:
            pinot.send(signal.SIGCONT)
    healed(project, number)


def test_a_log_that_lost_its_end_while_nothing_ran(project: RunningProject, tmp_path: Path) -> None:
    """What the file remembers is all that is left to tell it by; one look alone proves nothing."""
    opened, _, topic = serve_orders(project)
    with opened.connections() as connections:
        watch = LogWatch(connections.pinot, connections.kafka, project.name, tmp_path)
        assert watch.check() == watch.check() == []
        remembered = marks.read(tmp_path)[topic]
        (end,) = remembered.ends.values()
        (tmp_path / marks.FILE_NAME).write_text(marks.dump([replace(remembered, ends={0: end + 5})]))
        watch = LogWatch(connections.pinot, connections.kafka, project.name, tmp_path)
        assert watch.check() == []
        (alert,) = watch.check()
        assert (alert.code, alert.address) == ("log-lost", f"topic:{topic}")
        assert f"ends at {end}, readers have been at {end + 5}" in alert.summary
        project.execute(*(f"INSERT INTO orders VALUES ({1000 + one}, 'it grew again')" for one in range(9)))
        project.same("orders")
        assert watch.check() == [alert]
        assert marks.lost(tmp_path).keys() == {topic}


def test_an_id_that_is_not_the_topics_is_told_at_the_first_look(
    project: RunningProject, tmp_path: Path
) -> None:
    """Made again and longer than before: by offsets nothing is missing, the broker's id alone tells it."""
    opened, _, topic = serve_orders(project)
    with opened.connections() as connections:
        assert LogWatch(connections.pinot, connections.kafka, project.name, tmp_path).check() == []
        remembered = marks.read(tmp_path)[topic]
        assert remembered.id == connections.kafka.topic_ids([topic])[topic]
        (tmp_path / marks.FILE_NAME).write_text(marks.dump([replace(remembered, id="of the one before")]))
        (alert,) = LogWatch(connections.pinot, connections.kafka, project.name, tmp_path).check()
        assert "deleted and made again" in alert.summary


def test_a_topic_that_was_made_again(project: RunningProject) -> None:
    opened, number, topic = serve_orders(project)
    time.sleep(6)  # the supervisor has seen where the log ends
    with KafkaClient(opened.endpoints.kafka_bootstrap) as kafka:
        settings = kafka.topic_config(topic)
        kafka.delete_topic(topic)
        eventually(lambda: topic not in kafka.topics())
        kafka.create_topic(topic, 1, settings)
    project.execute("INSERT INTO orders VALUES (1001, 'after it')")
    healed(project, number)
