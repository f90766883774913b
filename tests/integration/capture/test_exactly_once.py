"""Every committed change stands in the topic exactly once and in the order of its key, through kill -9."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from headrace.hops.capture.snapshot import Progress
from headrace.hops.topic.fence import FenceWatcher
from headrace.hops.topic.messages import Record, read
from tests.integration.capture.bench import Bench, contract
from tests.integration.capture.engines import CaptureEngines

pytestmark = [pytest.mark.engines, pytest.mark.long]

WRITERS = 4
KEYS_OF_A_WRITER = 200
TRANSACTIONS_PER_S = 25  # of each writer; about twenty changes each
KILLS = 5

Step = tuple[str, int | None]
"""Operation and the mark of the row after it, before it for a delete."""


@dataclass
class Writer:
    """Changes its own keys only, so the order of its commits is the order of each of them."""

    number: int
    random: random.Random
    rows: dict[int, int] = field(default_factory=dict[int, int])
    history: dict[int, list[Step]] = field(default_factory=lambda: defaultdict(list))
    changes: int = 0
    _mark: int = 0

    def run(self, bench: Bench, stop: threading.Event) -> None:
        with bench.session() as session:
            session.autocommit = False
            while not stop.is_set():
                begun = time.monotonic()
                rows, steps = dict(self.rows), list[tuple[int, Step]]()
                with session.cursor() as cursor:
                    if self.random.random() < 0.15:
                        self._copy(cursor, rows, steps)
                    else:
                        for _ in range(self.random.randint(1, 40)):
                            self._change(cursor, rows, steps)
                    if self.random.random() < 0.05:
                        time.sleep(0.5)  # a long transaction: others commit around it
                if self.random.random() < 0.1:
                    session.rollback()
                else:
                    session.commit()
                    self._remember(rows, steps)
                stop.wait(max(0.0, 1 / TRANSACTIONS_PER_S - (time.monotonic() - begun)))

    def _remember(self, rows: dict[int, int], steps: list[tuple[int, Step]]) -> None:
        self.rows = rows
        self.changes += len(steps)
        for key, step in steps:
            self.history[key].append(step)

    def _copy(self, cursor, rows: dict[int, int], steps: list[tuple[int, Step]]) -> None:
        """Many rows in one WAL record, all of one log position."""
        with cursor.copy("COPY ledger FROM STDIN") as copy:
            for key in self._free(rows, 40):
                rows[key] = self._next()
                copy.write_row((key, rows[key], "copied"))
                steps.append((key, ("c", rows[key])))

    def _change(self, cursor, rows: dict[int, int], steps: list[tuple[int, Step]]) -> None:
        kind = self.random.choice(("insert", "update", "update", "update", "delete", "move"))
        if kind == "insert" or not rows:
            for key in self._free(rows, 1):
                rows[key] = self._next()
                cursor.execute("INSERT INTO ledger VALUES (%s, %s, 'x')", (key, rows[key]))
                steps.append((key, ("c", rows[key])))
            return
        key = self.random.choice(list(rows))
        if kind == "update":
            rows[key] = self._next()
            cursor.execute("UPDATE ledger SET mark = %s WHERE id = %s", (rows[key], key))
            steps.append((key, ("u", rows[key])))
        elif kind == "delete":
            cursor.execute("DELETE FROM ledger WHERE id = %s", (key,))
            steps.append((key, ("d", rows.pop(key))))
        else:
            for other in self._free(rows, 1):
                cursor.execute("UPDATE ledger SET id = %s WHERE id = %s", (other, key))
                steps.append((key, ("d", rows[key])))
                rows[other] = rows.pop(key)
                steps.append((other, ("c", rows[other])))

    def _free(self, rows: dict[int, int], count: int) -> list[int]:
        first = self.number * KEYS_OF_A_WRITER
        free = [key for key in range(first, first + KEYS_OF_A_WRITER) if key not in rows]
        return self.random.sample(free, min(count, len(free)))

    def _next(self) -> int:
        self._mark += 1
        return self._mark * WRITERS + self.number


def test_every_change_once_and_in_order_through_kills(bench: Bench, capture_engines: CaptureEngines) -> None:
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    bench.run(
        "DROP TABLE IF EXISTS ledger",
        "CREATE TABLE ledger (id bigint PRIMARY KEY, mark bigint NOT NULL, note text)",
    )
    capture = bench.capture(contract("ledger"))
    assert bench.final_verdict(capture).progress is Progress.COMPLETE
    stop = threading.Event()
    writers = [Writer(number, random.Random(seed + number)) for number in range(WRITERS)]
    threads = [threading.Thread(target=writer.run, args=(bench, stop)) for writer in writers]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(2, 8))
            capture_engines.kill("connect")
            time.sleep(chance.uniform(0, 3))
            capture_engines.start("connect")
        time.sleep(5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    elapsed_s = time.monotonic() - begun
    changes = sum(writer.changes for writer in writers)
    print(f"seed {seed}: {changes} changes in {elapsed_s:.0f} s through {KILLS} kills")
    _await_fence(bench, capture.names.message_topic)
    found: dict[int, list[Step]] = defaultdict(list)
    for record in read(bench.kafka, capture.names.topic(capture.contracts[0].table)):
        key, step = _step(record)
        found[key].append(step)
    expected = {key: steps for writer in writers for key, steps in writer.history.items()}
    for key, steps in expected.items():
        assert found.pop(key) == steps, f"seed {seed}, key {key}"
    assert not found
    assert changes > 10_000


def _await_fence(bench: Bench, message_topic: str) -> None:
    with FenceWatcher(bench.kafka, message_topic) as watcher:
        bench.source.execute("SELECT pg_logical_emit_message(true, 'headrace.fence', 'the end')")
        watcher.wait("the end", timeout_s=180)


def _step(record: Record) -> tuple[int, Step]:
    document = record.document
    row = document["before"] if document["op"] == "d" else document["after"]
    assert isinstance(row, dict)
    assert record.key == f'{{"id":{row["id"]}}}'.encode()
    return row["id"], (str(document["op"]), row["mark"])
