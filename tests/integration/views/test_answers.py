"""What is asked of a view: answers that hold one's own writes, an audit that finds what was planted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from headrace.verify.verdict import Fault, TableVerdict
from tests.integration.views.project import ViewProject, view_name

pytestmark = pytest.mark.engines

VIEWS = {
    "by_kind": "SELECT kind, count(*) AS n, sum(amount) AS total FROM bills GROUP BY kind",
    "dear": "SELECT id, kind, amount FROM bills WHERE amount > 100",
}
OWN_WRITES = 8


@pytest.fixture(scope="module")
def project(empty: ViewProject) -> Iterator[ViewProject]:
    empty.execute(
        "CREATE TABLE bills (id bigint PRIMARY KEY, kind text NOT NULL, amount numeric(12,2))",
        "INSERT INTO bills SELECT g, 'kind ' || g % 4, g * 1.01 FROM generate_series(1, 400) g",
    )
    empty.write(("bills",), VIEWS).apply()
    yield empty


def test_an_answer_after_now_holds_what_was_written_before_it(project: ViewProject) -> None:
    stop = threading.Event()

    def write() -> None:
        with project.connect() as connection:
            count = 0
            while not stop.wait(0.002):
                count += 1
                connection.execute("UPDATE bills SET amount = %s WHERE id = %s", (count % 300, count % 400))

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        with project.connect() as connection:
            for number in range(1, OWN_WRITES + 1):
                connection.execute("INSERT INTO bills VALUES (%s, 'mine', 1000)", (1000 + number,))
                assert project.served("SELECT n, total FROM by_kind WHERE kind = 'mine'") == [
                    (number, number * 1000)
                ]
                connection.execute("UPDATE bills SET amount = 2000 WHERE id = %s", (1000 + number,))
                assert project.served(f"SELECT amount FROM dear WHERE id = {1000 + number}") == [(2000,)]
                connection.execute("UPDATE bills SET amount = 1000 WHERE id = %s", (1000 + number,))
            connection.execute("DELETE FROM bills WHERE kind = 'mine'")
            code, told = project.run(
                "query", "SELECT COUNT(*) FROM dear WHERE kind = 'mine'", "--after", "now"
            )
            assert (code, told.split()[-1]) == (0, "0")
    finally:
        stop.set()
        thread.join(timeout=60)
    assert project.differences(["bills", *VIEWS]) == {}


@dataclass(frozen=True)
class Results:
    """A view's topic of results, in the hands of somebody who has no business there."""

    bootstrap: str
    topic: str

    def newest(self, kind: str) -> dict[str, Any]:
        """The last record of a kind's group, as if it had come last of all."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "forger",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )
        consumer.assign([TopicPartition(self.topic, 0, 0)])
        found: dict[str, Any] | None = None
        through = 0
        while (message := consumer.poll(10.0)) is not None and not message.error():
            value: dict[str, Any] = json.loads(message.value() or b"")
            through = value["input"]
            if value["op"] == "u" and value["after"].get("kind") == kind:
                found = value
        consumer.close()
        assert found is not None
        return {**found, "input": through}

    def forge(self, record: dict[str, Any], key: str) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap})
        producer.produce(self.topic, json.dumps(record).encode(), json.dumps({"__key": key}).encode(), 0)
        assert producer.flush(30) == 0


def found_in(project: ViewProject, view: str) -> list[Fault]:
    verdict = project.differences([view]).get(view)
    if verdict is None:
        return []
    assert isinstance(verdict, TableVerdict)
    return sorted(difference.fault for difference in verdict.differences)


def test_the_audit_finds_planted_differences_and_a_change_of_the_group_mends_them(
    project: ViewProject,
) -> None:
    assert project.served("SELECT COUNT(*) FROM by_kind") == [(4,)]
    ends = project.open().endpoints
    results = Results(ends.kafka_bootstrap, project.names("by_kind").topic(view_name("by_kind")))
    true = results.newest("kind 1")
    after = true["after"]
    key = str(after["__key"])

    results.forge({**true, "after": {**after, "total": "0.01"}}, key)
    assert found_in(project, "by_kind") == [Fault.EXTRA, Fault.MISSING]
    code, _ = project.run("verify", "by_kind")
    assert code == 5
    results.forge({**true, "op": "d", "before": {"__key": key}, "after": None}, key)
    assert found_in(project, "by_kind") == [Fault.MISSING]
    surplus = 'g["nothing"]'
    results.forge({**true, "after": {**after, "__key": surplus, "kind": "nothing"}}, surplus)
    assert found_in(project, "by_kind") == [Fault.EXTRA, Fault.MISSING]

    project.execute(
        "UPDATE bills SET amount = amount + 1 WHERE kind = 'kind 1'",
        "INSERT INTO bills VALUES (5000, 'nothing', 1)",
        "DELETE FROM bills WHERE id = 5000",
    )
    assert found_in(project, "by_kind") == []
