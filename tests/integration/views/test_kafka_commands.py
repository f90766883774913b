"""`topics`, `consumers` and `messages` on a project with a table, one of two partitions, and a view."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from headrace.apply.real import Connections
from headrace.apply.topics import consumers, topic_messages, topics
from headrace.engines.folder import ProjectFolder
from headrace.engines.record import EngineState
from headrace.errors import HeadraceError
from headrace.hops.topic import browse
from headrace.hops.topic.client import KafkaClient
from tests.integration.views.project import ViewProject, eventually

pytestmark = pytest.mark.engines

GROUP = "reporting"
READ = 10


@pytest.fixture(scope="module")
def project(empty: ViewProject) -> Iterator[ViewProject]:
    empty.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, status text, secret text)",
        "CREATE TABLE pairs (a text, d date, n integer, PRIMARY KEY (a, d))",
        "INSERT INTO orders SELECT g, 'new', 'hidden' FROM generate_series(1, 60) g",
        "INSERT INTO pairs SELECT 'a' || g, '2026-01-31', g FROM generate_series(1, 20) g",
    )
    declared = {
        "project": empty.name,
        "tables": {"orders": {"exclude": ["secret"]}, "pairs": {"partitions": 2}},
        "views": {"by_status": "SELECT status, count(*) AS n FROM orders GROUP BY status"},
    }
    (empty.directory / "headrace.yaml").write_text(json.dumps(declared))
    empty.open().apply()
    yield empty


def answer(project: ViewProject, *arguments: str) -> Any:
    code, text = project.run(*arguments, "--json")
    assert code == 0, text
    return json.loads(text)


def lines(project: ViewProject, *arguments: str) -> list[dict[str, Any]]:
    """The documents of `messages --json`, one a line."""
    code, text = project.run("messages", *arguments, "--json")
    assert code == 0, text
    return [json.loads(line) for line in text.splitlines()]


def by_name(project: ViewProject, *arguments: str) -> dict[str, Any]:
    """The topics of `topics`, by what they hold."""
    return {one["name"] or one["topic"]: one for one in answer(project, "topics", *arguments)["topics"]}


def failure(project: ViewProject, *arguments: str) -> dict[str, Any]:
    code, text = project.run(*arguments, "--json")
    assert code == 1, text
    [error] = json.loads(text)["errors"]
    return error


def test_topics_with_their_use_their_size_and_their_settings(project: ViewProject) -> None:
    found = answer(project, "topics")
    [broker] = found["brokers"]
    assert f"{broker['host']}:{broker['port']}" == project.open().endpoints.kafka_bootstrap
    assert broker["controller"]

    shown = by_name(project)
    assert set(shown) == {"orders", "pairs", "by_status"}
    orders = shown["orders"]
    assert (orders["holds"], orders["status"]) == ("table", "live")
    assert (shown["by_status"]["holds"], shown["by_status"]["status"]) == ("view", "live")
    assert orders["topic"] == f"{project.name}.{orders['generation']}.public.orders"
    assert orders["partitions"][0]["first_offset"] == 0
    assert orders["partitions"][0]["next_offset"] >= 60
    assert [one["partition"] for one in shown["pairs"]["partitions"]] == [0, 1]
    assert all(one["next_offset"] > 0 for one in shown["pairs"]["partitions"])
    assert orders["settings"]["segment.bytes"] == "134217728"
    # Set to what the brokers do anyway.
    assert "cleanup.policy" not in orders["settings"]

    everything = by_name(project, "--all")
    assert everything["__consumer_offsets"]["holds"] == "internal"
    assert everything["_connect_offsets"]["settings"]["cleanup.policy"] == "compact"
    assert everything[f"{project.name}.{orders['generation']}.message"]["holds"] == "fences"

    code, text = project.run("topics", "--all")
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert "orders, live" in text
    assert "view by_status, live" in text


def test_the_size_is_that_of_the_logs_on_disk(project: ViewProject) -> None:
    stored = ProjectFolder.of(project.directory).root / "data" / "kafka" / "log"
    for topic in by_name(project).values():
        for part in topic["partitions"]:
            folder = stored / f"{topic['topic']}-{part['partition']}"
            assert part["size_bytes"] == sum(file.stat().st_size for file in folder.glob("*.log")) > 0


def test_a_group_behind_and_everybody_else(project: ViewProject) -> None:
    topic = by_name(project)["orders"]["topic"]
    last = lines(project, "orders", "--limit", "1")[0]["offset"]
    assert by_name(project)["orders"]["partitions"][0]["next_offset"] > last + 1, "no marker behind it"

    def of(found: Any, name: str) -> dict[str, Any]:
        [reader] = [one for one in found["readers"] if name in (one["name"], one["served_name"])]
        return reader

    group = Consumer(
        {
            "bootstrap.servers": project.open().endpoints.kafka_bootstrap,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    try:
        group.subscribe([topic])
        message = group.poll(30)
        assert message is not None and message.error() is None
        group.commit(offsets=[TopicPartition(topic, 0, READ)], asynchronous=False)
        found = answer(project, "consumers")
        reader = of(found, GROUP)
        assert (reader["kind"], reader["state"], reader["members"]) == ("group", "STABLE", 1)
        [at] = reader["positions"]
        assert (at["topic"], at["partition"], at["next_offset"]) == (topic, 0, READ)
        assert at["lag"] == last + 1 - READ

        group.commit(offsets=[TopicPartition(topic, 0, last + 1)], asynchronous=False)
        [at] = of(answer(project, "consumers"), GROUP)["positions"]
        assert at["lag"] == 0, "the marker behind the last message counts as lag"
    finally:
        group.close()

    spark = next(one for one in found["readers"] if one["kind"] == "spark")
    assert (spark["served_name"], spark["state"]) == ("by_status", "running")
    [at] = spark["positions"]
    assert (at["topic"], at["lag"]) == (topic, 0)
    pinot = [one for one in found["readers"] if one["kind"] == "pinot"]
    assert {one["served_name"] for one in pinot} == {"orders", "pairs", "by_status"}
    held = [at for one in pinot for at in one["positions"]]
    assert len(held) == 4
    assert all((at["lag"], at["state"]) == (0, "CONSUMING") for at in held)
    [connector] = found["connectors"]
    assert connector["state"] == "RUNNING"
    assert [(one["task"], one["state"]) for one in connector["tasks"]] == [(0, "RUNNING")]
    assert found["problems"] == []

    code, text = project.run("consumers")
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert f"group {GROUP}, 0 members" in text


def test_following_a_key_sees_a_change_made_meanwhile(project: ViewProject) -> None:
    following = project.command("messages", "orders", "--key", "42", "--follow")
    try:
        assert following.stderr is not None
        assert following.stdout is not None
        assert b"following" in following.stderr.readline()
        project.execute(
            "UPDATE orders SET status = 'paid' WHERE id IN (41, 42, 43)",
            "DELETE FROM orders WHERE id = 42",
        )
        shown = [following.stdout.readline().decode() for _ in range(5)]
        assert shown[0].split("  ")[-2:] == ["update", '{"id":42}\n']
        assert shown[1:3] == [
            '    before  {"id":42,"status":"new"}\n',
            '    after   {"id":42,"status":"paid"}\n',
        ]
        assert shown[3].split("  ")[-2:] == ["delete", '{"id":42}\n']
        assert shown[4] == '    before  {"id":42,"status":"paid"}\n'
        following.send_signal(signal.SIGINT)
        rest, told = following.communicate(timeout=30)
        assert (following.returncode, rest, told) == (130, b"", b"interrupted\n")
    finally:
        if following.poll() is None:
            following.kill()
            following.communicate()


def test_the_last_messages_and_those_from_an_offset_on(project: ViewProject) -> None:
    project.execute("INSERT INTO orders VALUES (1001, 'new'), (1002, 'new')")
    eventually(lambda: [one["key"] for one in lines(project, "orders", "-n", "1")] == [{"id": 1002}], "seen")
    inserted = lines(project, "orders", "-n", "2")
    assert [(one["op"], one["key"]["id"]) for one in inserted] == [("c", 1001), ("c", 1002)]
    assert inserted[1]["after"] == {"id": 1002, "status": "new"}
    assert inserted[1]["before"] is None
    assert inserted[0]["txid"] == inserted[1]["txid"]
    assert all(one["ok"] and one["version"] == 1 and one["commit_time_ms"] for one in inserted)

    first = lines(project, "orders", "--from", "beginning", "-n", "5")
    assert [one["op"] for one in first] == ["r"] * 5
    assert first[0]["offset"] == 0
    assert [one["key"]["id"] for one in first] == [1, 2, 3, 4, 5]
    after = lines(project, "orders", "--from", str(inserted[1]["offset"]))
    assert [one["key"]["id"] for one in after] == [1002]
    # Further back than the first look goes.
    assert [(one["offset"], one["op"]) for one in lines(project, "orders", "--key", "1")] == [(0, "r")]
    whole = lines(project, "pairs", "--from", "beginning", "-n", "1000")
    assert {one["partition"] for one in whole} == {0, 1}
    assert len(whole) == 20
    newest = lines(project, "pairs", "-n", "1000")
    assert sorted(newest, key=where) == sorted(whole, key=where)
    assert len(lines(project, "pairs")) == 20


def where(message: dict[str, Any]) -> tuple[int, int]:
    return message["partition"], message["offset"]


def test_keys_as_postgresql_takes_them(project: ViewProject) -> None:
    found = lines(project, "pairs", "--key", "a7", "--key", "31 Jan 2026")
    assert [one["after"]["n"] for one in found] == [7]
    topic = found[0]["topic"]
    assert lines(project, topic, "--key", "a7", "--key", "2026-01-31") == found
    counted = lines(project, "by_status", "--key", "new", "-n", "1")
    assert counted[0]["after"]["status"] == "new"
    assert lines(project, "by_status", "--key", "none such") == []
    error = failure(project, "messages", "pairs", "--key", "a7")
    assert error["code"] == "trace-key"
    project.execute("TRUNCATE pairs")
    truncated: Callable[[], bool] = lambda: (  # noqa: E731
        [one["op"] for one in lines(project, "pairs", "--key", "a7", "--key", "2026-01-31")]
        == ["r", "t", "t"]
    )
    eventually(truncated, "both partitions of the table were truncated")


def test_a_system_out_of_reach_does_not_hide_the_rest(project: ViewProject) -> None:
    opened = project.open()
    nowhere, folder = "http://127.0.0.1:1", ProjectFolder.of(project.directory).root
    topic = by_name(project)["orders"]["topic"]

    def connections(**away: str) -> Connections:
        return Connections(opened.declaration, replace(opened.endpoints, **away), folder)

    with connections(pinot_controller_url=nowhere, spark_url=nowhere) as reached:
        found = topics(reached, opened.declaration)
        assert found.problem is not None
        assert {one.use.name: one.use.status for one in found.topics}["orders"] is None
        readers = consumers(reached)
        assert [system for system, _ in readers.problems] == ["pinot", "spark"]
        assert [one.state for one in readers.connectors] == ["RUNNING"]
        messages = topic_messages(reached, opened.declaration, "orders", ["7"])
        assert messages.topic == topic
        assert [one.key for one in messages.newest(5)[0]] == [{"id": 7}]
    with connections(kafka_bootstrap="127.0.0.1:1", connect_url=nowhere) as reached:
        readers = consumers(reached)
        assert [system for system, _ in readers.problems] == ["kafka", "connect"]
        positions = [at for one in readers.readers for at in one.positions]
        assert len(positions) == 4
        assert all(at.next and (at.end, at.lag) == (None, None) for at in positions)


def test_what_there_is_no_topic_of(project: ViewProject) -> None:
    error = failure(project, "messages", "ordrs")
    assert error["code"] == "topic-unknown"
    assert "`orders`" in error["hint"]
    assert failure(project, "messages", "_connect_configs")["code"] == "topic-internal"
    assert failure(project, "messages", "orders", "--from", "yesterday")["code"] == "usage"


def test_somebody_elses_topic(project: ViewProject) -> None:
    bootstrap = project.open().endpoints.kafka_bootstrap
    with KafkaClient(bootstrap) as kafka:
        kafka.create_topic("elsewhere", 1, {})
        try:
            producer = Producer({"bootstrap.servers": bootstrap})
            for number in range(200):
                producer.produce("elsewhere", key=f"k{number % 50}", value=f"value {number}")
            assert producer.flush(30) == 0
            assert by_name(project)["elsewhere"]["holds"] == "other"
            found = lines(project, "elsewhere", "--key", "k7")
            assert [one["value"] for one in found] == [f"value {number}" for number in (7, 57, 107, 157)]
            assert [one["value"] for one in lines(project, "elsewhere", "-n", "2")] == [
                "value 198",
                "value 199",
            ]
            few = browse.newest(kafka, "elsewhere", 3, lambda record: record.key == b"k7", searched=64)
            assert ([record.offset for record in few.records], few.whole) == ([157], False)

            admin: Any = AdminClient({"bootstrap.servers": bootstrap})
            for future in admin.delete_records([TopicPartition("elsewhere", 0, 150)]).values():
                future.result()
            assert by_name(project)["elsewhere"]["partitions"][0]["first_offset"] == 150
            [first] = lines(project, "elsewhere", "--from", "beginning", "-n", "1")
            assert (first["offset"], first["value"], first["op"]) == (150, "value 150", None)
            with closing(browse.follow(kafka, "elsewhere", {0: 10})) as following:
                with pytest.raises(HeadraceError) as caught:
                    next(following)
                assert caught.value.code == "topic-outrun"
            with closing(browse.follow(kafka, "elsewhere", {0: 199})) as following:
                assert next(following).offset == 199
                kafka.delete_topic("elsewhere")
                with pytest.raises(HeadraceError) as caught:
                    next(following)
                assert caught.value.code == "topic-gone"
        finally:
            kafka.delete_topic("elsewhere")


def test_following_outlives_the_broker(project: ViewProject) -> None:
    """The last one: kill -9, and the supervisor starts it again."""
    following = project.command("messages", "orders", "--follow", "--limit", "1", "--json")
    try:
        assert following.stderr is not None
        assert b"following" in following.stderr.readline()
        killed = project.engine("kafka").process
        assert killed is not None
        with project.connect() as source:
            assert killed.send(signal.SIGKILL) is not False
            source.execute("INSERT INTO orders VALUES (2001, 'after')")
        shown, told = following.communicate(timeout=120)
        assert (following.returncode, told) == (0, b"")
        assert json.loads(shown)["after"] == {"id": 2001, "status": "after"}
    finally:
        if following.poll() is None:
            following.kill()
            following.communicate()

    def serves() -> bool:
        record = project.engine("kafka")
        return record.state is EngineState.READY and record.process != killed

    eventually(serves, "Kafka does not come back")
