"""What leaves PostgreSQL and what does not: masks, columns left out, declared keys, very large rows."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from headrace.hops.topic.client import Edge, KafkaClient
from headrace.verify.verdict import Fault
from tests.integration.apply.project import RunningProject

pytestmark = pytest.mark.engines

SECRET = "nobody-may-read-this"
LEFT_OUT = "this-stays-at-home"
IN_NO_LOG = "a-value-of-a-row"
MIB = 1024 * 1024


def everything_in_kafka(project: RunningProject, bootstrap: str) -> bytes:
    """Keys and values of every record in every topic of the project."""
    with KafkaClient(bootstrap) as kafka:
        topics = [topic for topic in kafka.topics() if topic.startswith(f"{project.name}.")]
        ends = kafka.offsets(topics, Edge.WRITTEN)
    settings = {"bootstrap.servers": bootstrap, "group.id": "reads-all", "enable.partition.eof": True}
    consumer = Consumer({**settings, "isolation.level": "read_uncommitted"})
    places = [TopicPartition(t, p, OFFSET_BEGINNING) for t, of_one in ends.items() for p in of_one]
    consumer.assign(places)
    found, ended = [], 0
    try:
        while ended < len(places):
            message = consumer.poll(30)
            assert message is not None
            if message.error():
                ended += 1
            else:
                found += [message.key() or b"", message.value() or b""]
    finally:
        consumer.close()
    return b"\n".join(found)


def logs_with(project: RunningProject, text: str) -> list[str]:
    logs = (project.directory / ".headrace" / "logs").glob("*.log")
    return [log.name for log in logs if text in log.read_text(errors="replace")]


def test_what_is_masked_or_left_out_never_reaches_kafka(project: RunningProject) -> None:
    project.execute(
        "CREATE TABLE people (id bigint PRIMARY KEY, email text, iban text, diary text, city text NOT NULL)",
        f"INSERT INTO people VALUES (1, '{SECRET}', '{SECRET}', '{LEFT_OUT}', 'read')",
        "INSERT INTO people VALUES (2, NULL, NULL, NULL, '-')",
    )
    try:
        entry = "people: {exclude: [diary], mask: {email: hash, iban: redact}}"
        opened = project.declare(entry)
        opened.apply()
        project.execute(
            f"INSERT INTO people VALUES (3, '{SECRET}', '{SECRET}', '{LEFT_OUT}', 'streamed')",
            f"UPDATE people SET city = 'updated', email = '{SECRET}2' WHERE id = 1",
            "DELETE FROM people WHERE id = 2",
        )
        rows = project.served("SELECT id, email, iban, city FROM people ORDER BY id")
        assert [(row[0], row[2], row[3]) for row in rows] == [(1, "***", "updated"), (3, "***", "streamed")]
        hashes = [str(row[1]) for row in rows]
        assert all(len(one) == 64 for one in hashes)
        assert hashes[0] != hashes[1]
        told = everything_in_kafka(project, opened.endpoints.kafka_bootstrap)
        assert b"streamed" in told
        assert SECRET.encode() not in told
        assert LEFT_OUT.encode() not in told
    finally:
        project.declare("orders").destroy()
        project.execute("DROP TABLE people")


def test_a_table_without_a_primary_key_follows_the_declared_one(project: RunningProject) -> None:
    project.execute(
        "CREATE TABLE stock (shop text NOT NULL, item int NOT NULL, n int, UNIQUE (shop, item))",
        "INSERT INTO stock SELECT 'a', g, g FROM generate_series(1, 100) g",
    )
    try:
        opened = project.declare("stock: {key: [shop, item]}")
        opened.apply()
        project.execute(
            "UPDATE stock SET n = -n WHERE item <= 10",
            "DELETE FROM stock WHERE item > 90",
            "UPDATE stock SET shop = 'b' WHERE item = 50",
        )
        query = "SELECT shop, item, n FROM stock ORDER BY shop, item LIMIT 1000"
        assert project.served(query) == project.source(query)
        (verdict,) = opened.verify()
        assert verdict.exact
    finally:
        project.declare("orders").destroy()
        project.execute("DROP TABLE stock")


def test_a_row_too_large_is_set_aside_and_others_pass(project: RunningProject) -> None:
    opened = project.declare("orders")
    opened.apply()
    # Random text: nothing on the way can make it small.
    text = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, {}))"
    fits, too_large = text.format(9 * MIB // 32), text.format(11 * MIB // 32)
    project.execute(
        f"INSERT INTO orders VALUES (1001, {fits}), (1002, '{IN_NO_LOG}' || {too_large})",
        "INSERT INTO orders VALUES (1003, 'behind them')",
    )
    (verdict,) = opened.verify()
    assert [(one.fault, one.key) for one in verdict.differences] == [(Fault.REJECTED, ("1002",))]
    ((length,),) = project.source("SELECT length(note) FROM orders WHERE id = 1001")
    ((served,),) = project.served("SELECT note FROM orders WHERE id = 1001")
    assert len(str(served)) == length
    code, answer = project.run("rejects", "ordres", "--json")
    assert (code, json.loads(answer)["errors"][0]["code"]) == (1, "table-not-declared")
    _, told = project.run("rejects")
    assert "1002" in told
    assert logs_with(project, IN_NO_LOG) == []
    project.execute("UPDATE orders SET note = 'small again' WHERE id = 1002")
    (verdict,) = opened.verify()
    assert verdict.exact
