"""Whose topics they are, what their messages say, and how all of it is printed."""

from __future__ import annotations

import pytest

from headrace.cli import consumers as consumers_command
from headrace.cli import messages as messages_command
from headrace.cli import topics as topics_command
from headrace.contract import Column, Conversion, Origin, TableContract
from headrace.hops.capture.failure import failure
from headrace.hops.capture.probe import ConnectorStatus, TaskStatus
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.render import Status
from headrace.hops.topic.catalogue import PartitionState, TopicState
from headrace.hops.topic.client import Broker
from headrace.hops.topic.messages import Record
from headrace.names import CaptureNames, TableName, ViewNames
from headrace.observe.message import decoded
from headrace.observe.readers import Consumers, Position, Reader, ReaderKind
from headrace.observe.row_key import is_key, is_plain_key, is_result_key
from headrace.observe.topics import ShownTopic, Topics, TopicUse, Use, Uses

ORDERS = TableName("public", "orders")
PAID = TableName.of_view("paid")
KEY = (Column("id", "bigint", Conversion.LONG, False),)
CONTRACT = TableContract(ORDERS, "sales", ("id",), KEY)
VIEW = TableContract(
    PAID, "paid", ("__key",), (Column("__key", "text", Conversion.TEXT, False),), origin=Origin(ORDERS, 2, "")
)
GENERATIONS = (
    Generation("shop_sales_1", "sales", CaptureNames("shop", 1), Status.RETIRED, CONTRACT),
    Generation("shop_sales_2", "sales", CaptureNames("shop", 2), Status.LIVE, CONTRACT),
    Generation("shop_paid_v4", "paid", ViewNames("shop", 4), Status.BUILDING, VIEW),
)
SERVED = {ORDERS: "sales", PAID: "paid"}


@pytest.mark.parametrize(
    ("topic", "use"),
    [
        ("shop.2.public.orders", TopicUse(Use.TABLE, "sales", "2", "live")),
        ("shop.1.public.orders", TopicUse(Use.TABLE, "sales", "1", "retired")),
        # Pinot does not have it yet.
        ("shop.3.public.orders", TopicUse(Use.TABLE, "sales", "3")),
        ("shop.v4.paid", TopicUse(Use.VIEW, "paid", "v4", "building")),
        ("shop.v5.paid", TopicUse(Use.VIEW, "paid", "v5")),
        ("shop.2.message", TopicUse(Use.FENCES, generation="2")),
        ("shop.2.heartbeat", TopicUse(Use.HEARTBEATS, generation="2")),
        ("shop.2.notification", TopicUse(Use.NOTIFICATIONS, generation="2")),
        ("shop.2.offsets", TopicUse(Use.POSITIONS, generation="2")),
        ("shop.2.public.other", TopicUse(Use.OTHER, generation="2")),
        ("shop.2.paid", TopicUse(Use.OTHER, generation="2")),
        ("shop.v2.public.orders", TopicUse(Use.OTHER, generation="v2")),
        ("shopping.2.public.orders", TopicUse(Use.OTHER)),
        ("__consumer_offsets", TopicUse(Use.INTERNAL)),
    ],
)
def test_the_use_of_a_topic(topic: str, use: TopicUse) -> None:
    assert Uses("shop", SERVED, GENERATIONS).of(topic) == use


def test_the_newest_topic_of_a_table_by_the_names_alone() -> None:
    uses = Uses("shop", SERVED, ())
    there = ["shop.9.public.orders", "shop.10.public.orders", "shop.11.public.others", "shop.v12.paid", "x"]
    assert uses.newest(ORDERS, there) == "shop.10.public.orders"
    assert uses.newest(PAID, there) == "shop.v12.paid"
    assert uses.newest(ORDERS, ["other.1.public.orders"]) is None


def record(key: bytes | None, value: bytes | None) -> Record:
    return Record("shop.2.public.orders", 0, 7, 1_600_000_000_123, key, value)


CHANGE = (
    b'{"op":"u","before":{"id":1,"note":"a"},"after":{"id":1,"note":"b\\n"},'
    b'"source":{"ts_ms":5,"lsn":4294967296,"txId":9}}'
)


def test_a_change_is_decoded() -> None:
    message = decoded(record(b'{"id":1}', CHANGE))
    assert (message.key, message.op, message.commit_time_ms) == ({"id": 1}, "u", 5)
    assert messages_command.render(message).splitlines() == [
        'partition 0 offset 7  2020-09-13 12:26:40.123  update  {"id":1}',
        '    before  {"id":1,"note":"a"}',
        '    after   {"id":1,"note":"b\\n"}',
    ]
    document = messages_command.as_document(message)
    assert (document["lsn"], document["txid"], document["value"]) == ("1/0", 9, None)
    assert "note" not in repr(message)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        (None, b'{"op":"t","source":{}}', ["truncate  no key"]),
        (b"plain", b"some\nlines \xff\x1b", ["message  plain", '    value   "some\\nlines \\\\xff\\u001b"']),
        (b'"text"', None, ["message  text"]),
        (b"\x1b[31m", b"1.50", ["message  \\x1b[31m", "    value   1.5"]),
        (b"7", b'{"op":"m","message":{}}', ["message  7", '    value   {"op":"m","message":{}}']),
        (b"7", b'{"op":5,"before":1}', ["message  7", '    value   {"op":5,"before":1}']),
    ],
)
def test_what_is_no_change_of_a_row_is_shown_too(
    key: bytes | None, value: bytes | None, shown: list[str]
) -> None:
    first, *rest = messages_command.render(decoded(record(key, value))).splitlines()
    assert [first.partition("40.123  ")[2], *rest] == shown


def test_keys_of_tables_of_views_and_of_others() -> None:
    assert is_key(CONTRACT, ["1"], {"id": 1})
    assert not is_key(CONTRACT, ["1"], {"id": 11})
    assert is_result_key(["paid", "2"], {"__key": 'g["paid","2"]'})
    assert is_result_key(['g["paid"]'], {"__key": 'g["paid"]'})
    assert not is_result_key(["pai"], {"__key": 'g["paid"]'})
    assert not is_result_key(["x"], {"__key": "x?"})
    assert is_plain_key(["abc"], b"abc")
    assert is_plain_key(["1", "ü"], '{"a":1,"b":"ü"}'.encode())
    assert is_plain_key(["1"], b"1")
    assert not is_plain_key(["1"], b'{"a":1,"b":2}')
    assert not is_plain_key(["1"], None)


def test_topics_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    def shown(name: str, use: TopicUse, *sizes: int | None, **settings: str) -> ShownTopic:
        parts = tuple(PartitionState(at, 3, 12_345, 12_346, size) for at, size in enumerate(sizes))
        return ShownTopic(TopicState(name, parts, settings), use)

    wide = {f"setting{number}": "x" * 20 for number in range(5)}
    found = Topics(
        (Broker(1, "127.0.0.1", 9092, True), Broker(2, "127.0.0.1", 9093, False)),
        (
            shown("shop.2.public.orders", TopicUse(Use.TABLE, "sales", "2", "live"), 1_500, 700, **wide),
            shown("shop.v4.paid", TopicUse(Use.VIEW, "paid", "v4"), None, **wide),
            shown("else", TopicUse(Use.OTHER), 0, a="b"),
        ),
        "Pinot does not answer",
    )
    text = topics_command.render(found, list(found.topics))
    assert max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    assert lines[:2] == ["broker 1 at 127.0.0.1:9092, controller", "broker 2 at 127.0.0.1:9093"]
    assert [line.split() for line in lines[4:8]] == [
        ["shop.2.public.orders", "0", "3", "12,345", "1.5", "kB", "sales,", "live"],
        ["1", "3", "12,345", "700", "B"],
        ["shop.v4.paid", "0", "3", "12,345", "-", "view", "paid"],
        ["else", "0", "3", "12,345", "0", "B", "-"],
    ]
    assert lines[9] == "set on shop.2.public.orders, shop.v4.paid:"
    assert lines[-1] == "! whether tables are live could not be asked: Pinot does not answer"
    document = topics_command.as_document(found, list(found.topics))
    sizes = [one["size_bytes"] for one in document["topics"]]  # type: ignore[attr-defined]
    assert sizes == [2_200, None, 0]
    assert "no topics" in topics_command.render(Topics((), ()), [])


def test_consumers_for_people() -> None:
    topic = "shop.2.public.orders"
    trace = 'org.x.E: row (4711)\nCaused by: org.postgresql.PSQLException: no pg_hba.conf entry for "4711"'
    why = failure(trace)
    found = Consumers(
        (
            Reader(
                ReaderKind.PINOT,
                "shop_sales_2",
                (Position(topic, 0, 9, 8, "CONSUMING"),),
                "sales",
                "2",
                "live",
            ),
            Reader(ReaderKind.GROUP, "reporting", (Position(topic, 0, 2, 8),), state="STABLE", members=1),
            Reader(ReaderKind.GROUP, "idle", state="EMPTY", members=0, problem="not a classic group"),
        ),
        (ConnectorStatus("headrace-shop-2", "RUNNING", (TaskStatus("FAILED", "w:1", why),), why, "w:1"),),
        (("spark", "Spark does not answer"),),
    )
    lines = consumers_command.render(found).splitlines()
    assert max(map(len, lines[:7])) <= 80
    assert [line.split() for line in lines[1:4]] == [
        [topic, "0", "group", "reporting,", "1", "member", "2", "6", "STABLE"],
        [topic, "0", "pinot", "sales", "(2)", "9", "0", "CONSUMING"],
        ["-", "-", "group", "idle,", "0", "members", "-", "-", "EMPTY"],
    ]
    assert lines[6].split() == ["headrace-shop-2", "RUNNING", "0", "FAILED", "w:1"]
    assert "! group idle, 0 members: not a classic group" in lines
    assert any("[capture-login-refused]" in line for line in lines)
    assert lines[-1] == "! spark could not be asked: Spark does not answer"
    assert not any("4711" in line for line in lines)
    assert "4711" not in str(consumers_command.as_document(found))
