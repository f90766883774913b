"""Rows of the log that are gone before Pinot has read them: said, never skipped.

Readers keep what they had until Pinot starts again; whoever waits for something newer is told at once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headrace.apply.project import open_project
from headrace.contract import Column, Conversion
from headrace.endpoints import Endpoints
from headrace.errors import HeadraceError
from headrace.hops.serve.query import QueryClient
from tests.faults.kills import kill, wait_until_back
from tests.integration.serve.pairs import Pair, open_pair

pytestmark = pytest.mark.engines

COLUMNS = (Column("id", "bigint", Conversion.LONG, False),)
ROWS = 500


@pytest.fixture
def pairs(engines: Endpoints) -> Iterator[list[Pair]]:
    """Two tables with rows."""
    with ExitStack() as stack:
        made = [
            stack.enter_context(open_pair(engines, f"lost_{uuid.uuid4().hex[:8]}", COLUMNS)) for _ in range(2)
        ]
        for pair in made:
            pair.put("c", [{"id": number} for number in range(ROWS)], source=False)
            assert count(pair, after=pair.writer.offset) == ROWS
        yield made


def count(pair: Pair, *, after: int | None = None) -> int:
    fence = None if after is None else {0: after}
    query = f"SELECT COUNT(*) FROM {pair.name}"
    ((rows,),) = QueryClient(pair.pinot, pair.project).run(query, after=fence, timeout_s=30).rows
    assert isinstance(rows, int)
    return rows


def refusal(pair: Pair, *, after: int | None = None) -> str:
    with pytest.raises(HeadraceError) as caught:
        count(pair, after=after)
    return caught.value.code


def make_topic_again(engines: Endpoints, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": engines.kafka_bootstrap})
    admin.delete_topics([topic])[topic].result()
    deadline = time.monotonic() + 30
    while True:
        try:
            admin.create_topics([NewTopic(topic, 1)])[topic].result()
        except KafkaException:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def skip_what_is_written_now(engines: Endpoints, pair: Pair, rows: int) -> None:
    """Paused in Pinot, and resumed behind the rows of the pause: like a pause longer than retention."""
    table = f"{engines.pinot_controller_url}/tables/{pair.physical}_REALTIME"
    httpx.post(f"{table}/pauseConsumption", timeout=30).raise_for_status()
    deadline = time.monotonic() + 60
    while httpx.get(f"{table}/pauseStatus", timeout=30).json().get("consumingSegments"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    pair.put("c", [{"id": ROWS + number} for number in range(rows)], source=False)
    httpx.post(f"{table}/resumeConsumption?consumeFrom=largest", timeout=30).raise_for_status()


def wait_until_lost(pair: Pair, after: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            count(pair, after=after)
        except HeadraceError as error:
            if error.code == "log-lost":
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_lost_log_is_said_and_stays_lost(
    engines: Endpoints, engines_folder: Path, pairs: list[Pair]
) -> None:
    cut, skipping = pairs
    make_topic_again(engines, cut.writer.topic)
    cut.writer.write("c", [{"id": -1}])
    skip_what_is_written_now(engines, skipping, 10)
    wait_until_lost(cut, after=1)
    wait_until_lost(skipping, after=skipping.writer.offset)
    # Grown past where it was read to: nothing of the loss can be seen in Kafka any more.
    cut.writer.write("c", [{"id": -number} for number in range(1, 2 * ROWS)])
    skipping.put("c", [{"id": 10 * ROWS}], source=False)

    for pair in pairs:
        assert count(pair) == ROWS
        assert refusal(pair, after=1) == "log-lost"

    project = open_project(engines_folder)
    wait_until_back(project, "pinot", kill(project, "pinot"))
    for pair in pairs:
        deadline = time.monotonic() + 60
        while (code := refusal(pair)) != "log-lost":
            assert code in {"query-not-caught-up", "query-unserved", "query-partial"}
            assert time.monotonic() < deadline
        assert refusal(pair, after=1) == "log-lost"


@pytest.mark.long
def test_a_table_that_was_idle_for_longer_than_its_log_is_kept_has_lost_nothing(
    engines: Endpoints, engines_folder: Path
) -> None:
    """Its segment began in front of what needs no row: it is followed by one that begins behind it."""
    name = f"idle_{uuid.uuid4().hex[:8]}"
    with open_pair(engines, name, COLUMNS, flush_rows=ROWS, retention_ms=240_000) as pair:
        pair.put("c", [{"id": number} for number in range(ROWS)], source=False)
        assert count(pair, after=pair.writer.offset) == ROWS
        producer = Producer({"bootstrap.servers": engines.kafka_bootstrap})
        producer.produce(pair.writer.topic, None, b"as a transaction marker")
        assert producer.flush(30) == 0
        deadline = time.monotonic() + 200
        while len(pair.pinot.segments(pair.physical)) < 3:
            assert time.monotonic() < deadline, "the empty segment is not committed"
            time.sleep(1)
        admin = AdminClient({"bootstrap.servers": engines.kafka_bootstrap})
        (everything,) = admin.delete_records([TopicPartition(pair.writer.topic, 0, -1)]).values()
        everything.result()
        project = open_project(engines_folder)
        wait_until_back(project, "pinot", kill(project, "pinot"))
        assert count(pair, after=pair.writer.offset + 1) == ROWS
        pair.put("c", [{"id": ROWS}], source=False)
        assert count(pair, after=pair.writer.offset + 1) == ROWS + 1
