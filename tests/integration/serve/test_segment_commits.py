"""A segment is committed, and its partition is read on: what is written meanwhile is seen, exactly once.

And a commit that was cut off is taken back at the next start.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from headrace.apply.project import open_project
from headrace.contract import Column, Conversion
from headrace.endpoints import Endpoints
from headrace.engines import runtime
from headrace.engines.folder import ProjectFolder
from headrace.engines.ports import read_ports
from headrace.engines.zookeeper_client import ZooKeeperClient
from headrace.errors import HeadraceError
from headrace.hops.serve import probe
from headrace.hops.serve.resource import wait_until_consuming
from headrace.spec.load import load
from tests.faults.kills import kill, pid_of, wait_until_back
from tests.integration.serve.answering import wait_until_answered
from tests.integration.serve.pairs import Pair, open_pair
from tests.running_engines import running_engines

pytestmark = pytest.mark.engines

COLUMNS = (
    Column("id", "bigint", Conversion.LONG, False),
    Column("qty", "integer", Conversion.INT, False),
)
ROWS = 500
PAUSE_S = 0.005
CONTROLLER_PAUSE_S = 0.02
STATUS = "segment.realtime.status"


@pytest.fixture
def pair(engines: Endpoints) -> Iterator[Pair]:
    with open_pair(engines, f"commit_{uuid.uuid4().hex[:8]}", COLUMNS) as pair:
        pair.put("c", [{"id": number, "qty": 0} for number in range(ROWS)])
        assert count(pair, after=pair.writer.offset) == ROWS
        yield pair


def count(pair: Pair, *, after: int | None = None) -> int:
    """Rows as Pinot answers; with `after` not before that offset is in."""
    ((rows,),) = pair.ask(f"SELECT COUNT(*) FROM {pair.name}", after=after, timeout_s=60).rows
    assert isinstance(rows, int)
    return rows


def force_commit(pair: Pair) -> None:
    """Of the segment that consumes now; the server must have it."""
    wait_until_consuming(pair.pinot, pair.physical)
    pair.pinot.force_commit(pair.physical)


def end_offset(engines: Endpoints, pair: Pair, segment: str) -> int:
    url = f"{engines.pinot_controller_url}/segments/{pair.physical}_REALTIME/{segment}/metadata"
    return int(httpx.get(url, timeout=30).raise_for_status().json()["segment.realtime.endOffset"])


@contextmanager
def counting(pair: Pair) -> Iterator[list[int]]:
    """Another reader; its answers in order, without those that Pinot refused."""
    ending = threading.Event()
    answers: list[int] = []
    failures: list[BaseException] = []

    def read() -> None:
        while not ending.is_set():
            try:
                answers.append(count(pair))
            except HeadraceError as error:
                if error.code != "query-not-caught-up":
                    failures.append(error)
                    return
            ending.wait(PAUSE_S)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield answers
    finally:
        ending.set()
        thread.join()
    assert failures == []


def wait_until_a_commit_is_kept_back() -> None:
    """Late in a minute: a commit that begins now waits for the next one, which its successor is named by."""
    second = time.time() % 60
    if not 55.5 <= second <= 56.5:
        time.sleep((55.5 - second) % 60)


def test_rows_are_seen_before_the_controller_knows_their_segment(engines: Endpoints, pair: Pair) -> None:
    (full,) = pair.pinot.segments(pair.physical)
    seen: list[int] = []
    wait_until_consuming(pair.pinot, pair.physical)
    wait_until_a_commit_is_kept_back()
    with counting(pair) as answers:
        force_commit(pair)
        number = ROWS
        while len(pair.pinot.segments(pair.physical)) == 1:
            pair.put("c", [{"id": number, "qty": 1}])
            number += 1
            assert count(pair, after=pair.writer.offset) == number
            if len(pair.pinot.segments(pair.physical)) == 1:
                seen.append(pair.writer.offset)
            time.sleep(CONTROLLER_PAUSE_S)
    pair.put("u", [{"id": 0, "qty": 2}])
    pair.put("d", [{"id": 1, "qty": 0}])
    assert count(pair, after=pair.writer.offset) == number - 1
    end = end_offset(engines, pair, full)
    assert [offset for offset in seen if offset > end], "nothing was read between the two segments"
    assert answers == sorted(answers)
    # The controller tells the broker of the next segment a moment after it has made it.
    wait_until_consuming(pair.pinot, pair.physical)
    assert probe.health(pair.pinot, pair.physical).ok


def test_many_commits_under_writing(pair: Pair) -> None:
    """Every successor becomes the next one to be committed."""
    number = ROWS
    for commits in range(1, 5):
        force_commit(pair)
        while len(pair.pinot.segments(pair.physical)) == commits:
            pair.put("c", [{"id": number, "qty": 1}])
            pair.put("u", [{"id": number - ROWS, "qty": commits}])
            number += 1
            time.sleep(PAUSE_S)
        assert count(pair, after=pair.writer.offset) == number
    pair.commit()
    query = f"SELECT id, qty FROM {pair.name} ORDER BY id LIMIT {number}"
    found = pair.ask(query, after=pair.writer.offset, timeout_s=60).rows
    wanted = pair.connection.execute(query.encode()).fetchall()
    assert [tuple(row) for row in found] == wanted


def test_a_partition_whose_first_segment_was_committed_empty_is_answered(
    engines: Endpoints, engines_folder: Path
) -> None:
    """Pinot loads it as a segment without documents: nothing of it is missing, also after a restart."""
    with open_pair(engines, f"empty_{uuid.uuid4().hex[:8]}", COLUMNS) as pair:
        force_commit(pair)
        deadline = time.monotonic() + 90
        while not committed_rows(engines, pair):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert committed_rows(engines, pair) == [0]
        assert count(pair) == 0
        pair.put("c", [{"id": number, "qty": 0} for number in range(ROWS)])
        assert count(pair, after=pair.writer.offset) == ROWS
        project = open_project(engines_folder)
        wait_until_back(project, "pinot", kill(project, "pinot"))
        wait_until_answered(pair.pinot, pair.physical)
        assert count(pair, after=pair.writer.offset) == ROWS


def test_a_segment_goes_past_what_needs_no_row_at_its_beginning(engines: Endpoints) -> None:
    """Else it would stand before a marker or a tombstone that retention removes, and take the log as lost."""
    with open_pair(engines, f"past_{uuid.uuid4().hex[:8]}", COLUMNS) as pair:
        producer = Producer({"bootstrap.servers": engines.kafka_bootstrap})
        producer.produce(pair.writer.topic, key=b"{}", value=None, partition=0)
        assert producer.flush(30) == 0
        url = f"{engines.pinot_controller_url}/tables/{pair.physical}/consumingSegmentsInfo"
        deadline = time.monotonic() + 30
        while '{"0":"1"}' not in (said := httpx.get(url, timeout=30).text):
            assert time.monotonic() < deadline, said
            time.sleep(0.2)


def test_a_committed_segment_that_is_unloaded_for_a_moment_is_missed(engines: Endpoints, pair: Pair) -> None:
    """Pinot takes it off and loads it again; no answer lacks its rows, nor brings back what it deletes."""
    pair.commit()
    pair.put("d", [{"id": 0, "qty": 0}])
    pair.commit()
    assert count(pair, after=pair.writer.offset) == ROWS - 1
    committed = sorted(pair.pinot.segments(pair.physical))[:2]
    url = f"{engines.pinot_controller_url}/segments/{pair.physical}_REALTIME"
    with counting(pair) as answers:
        for segment in committed:
            httpx.post(f"{url}/{segment}/reset", timeout=60).raise_for_status()
        assert count(pair, after=pair.writer.offset) == ROWS - 1
    assert set(answers) == {ROWS - 1}


def test_in_bulk_a_segment_takes_more_rows_than_declared_and_is_committed_afterwards(
    engines: Endpoints,
) -> None:
    declared, number = 1000, 40_000
    with open_pair(engines, f"bulk_{uuid.uuid4().hex[:8]}", COLUMNS, flush_rows=declared) as pair:
        for first in range(0, number, 2000):
            pair.put("c", [{"id": key, "qty": 0} for key in range(first, first + 2000)], source=False)
        pair.put("u", [{"id": key, "qty": 7} for key in range(declared)], source=False)
        assert count(pair, after=pair.writer.offset) == number
        query = f"SELECT SUM(qty) FROM {pair.name}"
        assert pair.ask(query).rows == [(7 * declared,)]

        deadline = time.monotonic() + 90
        while number + declared - sum(sizes := committed_rows(engines, pair)) >= declared:
            assert time.monotonic() < deadline, sizes
            time.sleep(0.2)
        assert declared < max(sizes) <= 12 * declared
        assert count(pair) == number


def committed_rows(engines: Endpoints, pair: Pair) -> list[int]:
    """Of each committed segment, versions that are no longer valid included."""
    url = f"{engines.pinot_controller_url}/segments/{pair.physical}_REALTIME"
    found = [
        httpx.get(f"{url}/{name}/metadata", timeout=30).json() for name in pair.pinot.segments(pair.physical)
    ]
    return [int(one["segment.total.docs"]) for one in found if one[STATUS] == "DONE"]


def test_a_name_that_is_not_the_controllers_costs_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The segment that was begun is dropped and its rows are read again; no answer goes back meanwhile."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dheadrace.segmentMinuteShiftMs=-120000")
    with running_engines("misnamed") as folder:
        engines = runtime.endpoints(load(folder / "headrace.yaml"), folder)
        with open_pair(engines, "misnamed", COLUMNS) as pair:
            pair.put("c", [{"id": number, "qty": 0} for number in range(ROWS)])
            test_many_commits_under_writing(pair)
            with counting(pair) as answers:
                number = count(pair, after=pair.writer.offset)
                force_commit(pair)
                for _ in range(50):
                    number += 1
                    pair.put("c", [{"id": number + 10_000, "qty": 1}])
                assert count(pair, after=pair.writer.offset) == number
            assert answers == sorted(answers)
        said = (folder / ".headrace" / "logs" / "pinot.log").read_text()
        assert "reading it again" in said


@contextmanager
def no_room(table: Path, segment: str, step: str) -> Iterator[None]:
    """As on a full disk: a file where the building has its folder, a folder where its package is to be."""
    if step == "packing":
        package = table / f"{segment}.tar.gz"
        package.mkdir()
        yield
        package.rmdir()
        return
    building = table / "_tmp"
    aside = building.rename(building.with_name("_aside"))
    building.touch()
    yield
    building.unlink()
    aside.rename(building)


@pytest.mark.parametrize("step", ["building", "packing"])
def test_a_segment_that_could_not_be_built_is_built_when_it_can_be(
    engines_folder: Path, pair: Pair, step: str
) -> None:
    """The partition is read on meanwhile, and readers have all of it."""
    (building,) = (engines_folder / ".headrace").rglob(f"{pair.physical}_REALTIME/_tmp")
    (segment,) = pair.pinot.segments(pair.physical)
    with no_room(building.parent, segment, step):
        force_commit(pair)
        wait_until_said(engines_folder, f"{segment} cannot be built")
        pair.put("c", [{"id": ROWS, "qty": 1}])
        assert count(pair, after=pair.writer.offset) == ROWS + 1
    deadline = time.monotonic() + 90
    while len(pair.pinot.segments(pair.physical)) == 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    pair.put("c", [{"id": ROWS + 1, "qty": 1}])
    assert count(pair, after=pair.writer.offset) == ROWS + 2
    pair.commit()


def test_nothing_is_committed_while_kafka_is_away(
    engines: Endpoints, engines_folder: Path, pair: Pair
) -> None:
    """The controller would stop half way, with nobody consuming."""
    (full,) = pair.pinot.segments(pair.physical)
    pid = pid_of(open_project(engines_folder), "kafka")
    assert pid is not None
    wait_until_consuming(pair.pinot, pair.physical)
    os.kill(pid, signal.SIGSTOP)
    try:
        pair.pinot.force_commit(pair.physical)
        wait_until_said(engines_folder, f"{full} is not committed yet")
    finally:
        os.kill(pid, signal.SIGCONT)
    pair.put("c", [{"id": ROWS, "qty": 1}])
    assert count(pair, after=pair.writer.offset) == ROWS + 1
    deadline = time.monotonic() + 90
    while len(pair.pinot.segments(pair.physical)) == 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert end_offset(engines, pair, full) == ROWS


def wait_until_said(engines_folder: Path, text: str) -> None:
    """By Pinot, in its log."""
    log = engines_folder / ".headrace" / "logs" / "pinot.log"
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("next_made", [False, True])
def test_killed_between_the_steps_of_a_commit(
    engines: Endpoints, engines_folder: Path, pair: Pair, next_made: bool
) -> None:
    """Written down as DONE, and nobody consumes: Pinot by itself would leave it so for five minutes.

    The steps take milliseconds and a kill seldom falls between them: here it comes after all of them, and
    those that a kill between would have left out are taken away.
    """
    project = open_project(engines_folder)
    with ZooKeeperClient(read_ports(ProjectFolder.of(engines_folder))["zookeeper"]) as zookeeper:
        wait_until_consuming(pair.pinot, pair.physical)
        (full,) = pair.pinot.segments(pair.physical)
        before = stored(zookeeper, pair, "IDEALSTATES")
        pair.pinot.force_commit(pair.physical)
        deadline = time.monotonic() + 90
        while (after := stored(zookeeper, pair, "IDEALSTATES"))["mapFields"].keys() == {full}:
            assert time.monotonic() < deadline, "the segment was not committed"
            time.sleep(CONTROLLER_PAUSE_S)
        (following,) = after["mapFields"].keys() - {full}
        killed = kill(project, "pinot")
        store(zookeeper, pair, before, "IDEALSTATES")
        if not next_made:
            zookeeper.delete(place(pair, "PROPERTYSTORE/SEGMENTS", following))
        assert stored(zookeeper, pair, "PROPERTYSTORE/SEGMENTS", full)["simpleFields"][STATUS] == "DONE"
    pair.put("c", [{"id": ROWS, "qty": 1}])
    wait_until_back(project, "pinot", killed)
    wait_until_answered(pair.pinot, pair.physical)
    assert count(pair, after=pair.writer.offset) == ROWS + 1
    pair.commit()
    pair.put("c", [{"id": ROWS + 1, "qty": 1}])
    assert count(pair, after=pair.writer.offset) == ROWS + 2


def place(pair: Pair, folder: str, *segment: str) -> str:
    return "/".join(["", "headrace", folder, f"{pair.physical}_REALTIME", *segment])


def stored(zookeeper: ZooKeeperClient, pair: Pair, folder: str, *segment: str) -> dict[str, dict[str, Any]]:
    found = zookeeper.get(place(pair, folder, *segment))
    assert found is not None
    return json.loads(found[0])


def store(zookeeper: ZooKeeperClient, pair: Pair, record: Mapping[str, Any], folder: str) -> None:
    found = zookeeper.get(place(pair, folder))
    assert found is not None
    zookeeper.set(place(pair, folder), json.dumps(record).encode(), found[1])
