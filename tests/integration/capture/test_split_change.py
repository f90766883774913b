"""Connect dies when Kafka holds the first part of one WAL record of PostgreSQL and not the rest."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from headrace.hops.capture.capability import capability
from headrace.hops.capture.snapshot import Progress
from headrace.hops.topic.client import Edge
from headrace.hops.topic.fence import FenceWatcher
from headrace.hops.topic.messages import Record, read
from tests.integration.capture.bench import Bench, Capture, contract
from tests.integration.capture.engines import CaptureEngines

pytestmark = [pytest.mark.engines, pytest.mark.long]

ROWS = 3000
INTERLEAVED = 1000


def _moved(bench: Bench) -> None:
    """A changed key is one WAL record and two records in Kafka: delete, create."""
    bench.run("UPDATE split SET id = id + 1000000")


def _copied(bench: Bench) -> None:
    """Two rows of this size fit on a page, and COPY writes the rows of a page as one WAL record."""
    with bench.source.cursor() as cursor, cursor.copy("COPY split FROM STDIN") as copy:
        for i in range(ROWS, 2 * ROWS):
            copy.write_row((i, "y" * 3500))


def _is_half(records: list[Record]) -> bool:
    """The last record begins something that is not whole without the next one."""
    if not records or records[-1].document["op"] == "r":
        return False
    last = _lsn(records[-1])
    same = sum(1 for record in records if _lsn(record) == last)
    return same == 1


def _lsn(record: Record) -> int:
    source = record.document["source"]
    assert isinstance(source, dict)
    return source["lsn"]


def _freeze_at(
    bench: Bench, engines: CaptureEngines, capture: Capture, is_there: Callable[[list[Record]], bool]
) -> bool:
    """Stop Connect where a batch has ended at such records; False when it came to the end before."""
    topic = capture.names.topic(capture.contracts[0].table)
    idle, before = 0, -1
    while idle < 20:
        engines.signal("connect", signal.SIGSTOP)
        time.sleep(0.05)
        end = bench.kafka.offsets([topic], Edge.COMMITTED)[topic][0]
        if is_there(list(read(bench.kafka, topic, start={0: max(0, end - 8)}))):
            return True
        engines.signal("connect", signal.SIGCONT)
        idle, before = (idle + 1 if end == before else 0), end
        time.sleep(0.05)
    return False


def _after_a_kill(
    bench: Bench, engines: CaptureEngines, capture: Capture, between: Callable[[], None] = lambda: None
) -> list[Record]:
    """All of the topic, once Connect is killed, started, and has sent everything."""
    engines.kill("connect")
    between()
    engines.start("connect")
    with FenceWatcher(bench.kafka, capture.names.message_topic) as watcher:
        bench.source.execute("SELECT pg_logical_emit_message(true, 'headrace.fence', 'the end')")
        watcher.wait("the end", timeout_s=300)
    return list(read(bench.kafka, capture.names.topic(capture.contracts[0].table)))


def test_nothing_is_doubled_where_a_change_stands_directly_behind_a_commit(
    bench: Bench, capture_engines: CaptureEngines
) -> None:
    """PostgreSQL gives both one position: Debezium takes the commit for the change, and repeats what follows.

    Those are earlier changes of the same transaction, and all of others that were committed before it. As
    long as PostgreSQL has not heard of them it sends both again: the slot is put back to where it was before.
    """
    bench.run(
        "DROP TABLE IF EXISTS behind",
        "CREATE TABLE behind (id bigint PRIMARY KEY, v text) WITH (fillfactor = 40)",
        f"INSERT INTO behind SELECT i, 'x' FROM generate_series(0, {INTERLEAVED - 1}) i",
    )
    capture = bench.capture(contract("behind"), settings={"max.batch.size": "1"})
    assert bench.final_verdict(capture).progress is Progress.COMPLETE
    slot = capture.names.slot
    bench.run(f"SELECT pg_copy_logical_replication_slot('{slot}', 'not_told')")

    def not_told() -> None:
        active = "SELECT FROM pg_replication_slots WHERE active AND slot_name = %s"
        while bench.source.execute(active, (slot,)).fetchone() is not None:
            time.sleep(0.05)
        bench.run(
            f"SELECT pg_drop_replication_slot('{slot}')",
            f"SELECT pg_copy_logical_replication_slot('not_told', '{slot}')",
            "SELECT pg_drop_replication_slot('not_told')",
        )

    with bench.session() as others, bench.source.transaction():
        for i in range(INTERLEAVED):
            others.execute("INSERT INTO behind VALUES (%s, 'y')", (1_000_000 + i,))
            bench.source.execute("UPDATE behind SET v = 'z' WHERE id = %s", (i,))

    def in_the_middle(records: list[Record]) -> bool:
        updates = [record for record in records if record.document["op"] == "u"]
        return len(updates) > 2 and records[-1].key != f'{{"id":{INTERLEAVED - 1}}}'.encode()

    assert _freeze_at(bench, capture_engines, capture, in_the_middle)
    records = _after_a_kill(bench, capture_engines, capture, not_told)
    found = Counter((record.document["op"], record.key) for record in records)
    expected = {(op, i) for op in "ru" for i in range(INTERLEAVED)}
    expected |= {("c", 1_000_000 + i) for i in range(INTERLEAVED)}
    wanted = Counter({(op, f'{{"id":{key}}}'.encode()): 1 for op, key in expected})
    assert (wanted - found, found - wanted) == (Counter(), Counter())


@pytest.mark.parametrize("change", [_moved, _copied])
def test_no_part_of_a_change_is_lost_or_doubled(
    bench: Bench, capture_engines: CaptureEngines, change
) -> None:
    bench.run(
        "DROP TABLE IF EXISTS split",
        "CREATE TABLE split (id bigint PRIMARY KEY, v text)",
        "ALTER TABLE split ALTER v SET STORAGE PLAIN",
        f"INSERT INTO split SELECT i, 'x' FROM generate_series(0, {ROWS - 1}) i",
    )
    assert capability(bench.connect).exact, "stock Debezium 3.7.0 would lose the rest of the change here"
    capture = bench.capture(contract("split"), settings={"max.batch.size": "1"})
    assert bench.final_verdict(capture).progress is Progress.COMPLETE
    change(bench)
    assert _freeze_at(bench, capture_engines, capture, _is_half)
    found = Counter(
        (record.document["op"], record.key) for record in _after_a_kill(bench, capture_engines, capture)
    )
    expected = {("r", i) for i in range(ROWS)}
    if change is _moved:
        expected |= {("d", i) for i in range(ROWS)} | {("c", i + 1000000) for i in range(ROWS)}
    else:
        expected |= {("c", i) for i in range(ROWS, 2 * ROWS)}
    wanted = Counter({(op, f'{{"id":{key}}}'.encode()): 1 for op, key in expected})
    assert (wanted - found, found - wanted) == (Counter(), Counter())
