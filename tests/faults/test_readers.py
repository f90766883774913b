"""Readers poll while rows are updated, segments are committed and engines are killed: never a wrong answer.

HEADRACE_TEST_KILLS sets how often each engine is killed (5 for the long run), HEADRACE_TEST_SEED at which
moments (others in each run if it is not set; printed), HEADRACE_TEST_SECONDS how long the readers watch
without a kill. The first kill of each engine, and every second one after it, comes while a segment is
committed.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from headrace.apply.project import Project
from headrace.cli.scratch_project import scratch_project
from headrace.feed.connect import connect
from headrace.hops.serve import directory
from headrace.hops.serve.query import QueryClient
from tests.faults.invariants import TABLE, Readers, Writer, create_accounts
from tests.faults.kills import ENGINES, kill, wait_until_back

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.alone]

KEYS = 5000
UPDATES_PER_S = 3000.0
FLUSH_ROWS = 10_000
WATCH_S = float(os.environ.get("HEADRACE_TEST_SECONDS", "20"))
KILLS = int(os.environ.get("HEADRACE_TEST_KILLS", "1"))
SEED = os.environ.get("HEADRACE_TEST_SEED") or str(time.time_ns())
COMMIT_TAKES_S = 1.5
LONGEST_SILENCE_S = 10.0


ONE = pytest.mark.parametrize("project", [1], ids=["one-partition"], indirect=True, scope="module")
BOTH = pytest.mark.parametrize(
    "project", [1, 3], ids=["one-partition", "three-partitions"], indirect=True, scope="module"
)


@pytest.fixture(scope="module")
def project(request) -> Iterator[Project]:
    declared: dict[str, dict[str, object]] = {TABLE: {"flush_rows": FLUSH_ROWS, "partitions": request.param}}
    with scratch_project(
        f"faults{request.param}",
        declared,
        lambda connection: create_accounts(connection, KEYS),
        lambda line: print(line, file=sys.stderr),
    ) as project:
        yield project


@contextlib.contextmanager
def watched(project: Project, updates_per_s: float) -> Iterator[tuple[Writer, Readers]]:
    """Write and read for the length of the block; at the end every key has its last version."""
    stop = threading.Event()
    with connect(project.endpoints.source) as connection:
        writer = Writer(connection, KEYS, updates_per_s)
        found = connection.execute(f"SELECT id, version FROM {TABLE}").fetchall()  # type: ignore[call-overload]
        writer.started.update(found)
        readers = Readers(project, writer)
        failures: list[BaseException] = []

        def write() -> None:
            try:
                writer.run(stop)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=write, daemon=True), *readers.threads(stop)]
        for thread in threads:
            thread.start()
        try:
            yield writer, readers
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=60)
        if failures:
            raise failures[0]


def assert_equal(project: Project) -> None:
    """Row for row, at a fence, by comparing the rows themselves."""
    with project.connections() as connections, connect(project.endpoints.source) as session:
        live = directory.resolve(connections.pinot, project.name, TABLE)
        topic = live.names.topic(live.contract.table)
        offsets = connections.systems.flow.fence(live.names, [topic])[topic]
        query = QueryClient(connections.pinot, project.name)
        rows = query.run(
            f"SELECT id, version, grp, weight, payload FROM {TABLE}", after=offsets, timeout_s=120
        ).rows
        wanted = session.execute(f"SELECT id, version, grp, weight, payload FROM {TABLE}").fetchall()  # type: ignore[call-overload]
    assert sorted(map(tuple, rows)) == sorted(wanted)


def committed_segments(project: Project) -> int:
    with project.connections() as connections:
        live = directory.resolve(connections.pinot, project.name, TABLE)
        view = connections.pinot.external_view(live.physical)
    return sum("ONLINE" in states.values() for states in view.values())


@BOTH
def test_no_answer_is_wrong_through_commits_under_updates(project):
    before = committed_segments(project)
    with watched(project, UPDATES_PER_S) as (writer, readers):
        time.sleep(WATCH_S)
        # Pinot may be behind on a slow machine; the commits must come while the readers look.
        deadline = time.monotonic() + 3 * WATCH_S
        while committed_segments(project) < before + 2 and time.monotonic() < deadline:
            time.sleep(1)
        commits = committed_segments(project) - before
    assert readers.findings.wrong == []
    assert set(readers.findings.answered) == set(readers.kinds)
    assert min(readers.findings.answered.values()) >= 10  # readers share two cores with everything else
    assert readers.findings.longest_silence_s < LONGEST_SILENCE_S
    assert writer.committed > 0.3 * UPDATES_PER_S * WATCH_S
    assert commits >= 2
    assert_equal(project)


def moments(engine: str) -> Iterator[float]:
    """Seconds to wait before each kill of an engine."""
    print(f"HEADRACE_TEST_SEED={SEED}")
    chance = random.Random(f"{SEED} {engine}")
    return (chance.uniform(0, COMMIT_TAKES_S) if n % 2 == 0 else chance.uniform(1, 8) for n in range(KILLS))


def await_moment(project: Project, number: int, pause_s: float) -> None:
    """Sleep until the kill; an even one falls into a commit that is asked for here."""
    if number % 2 == 0:
        time.sleep(1)
        with project.connections() as connections:
            connections.pinot.force_commit(directory.resolve(connections.pinot, project.name, TABLE).physical)
    time.sleep(pause_s)


def assert_answers_again(readers: Readers) -> None:
    """Every kind of reader gets answers."""
    before = dict(readers.findings.answered)
    deadline = time.monotonic() + 60
    while any(readers.findings.answered.get(kind, 0) <= before.get(kind, 0) for kind in readers.kinds):
        assert time.monotonic() < deadline, "a reader gets no answer any more"
        time.sleep(0.1)


@ONE
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "postgres"] + ["supervisor"])
def test_no_answer_is_wrong_when_an_engine_is_killed(project, engine):
    with watched(project, 1000.0) as (_, readers):
        for number, pause_s in enumerate(moments(engine)):
            await_moment(project, number, pause_s)
            killed = kill(project, engine)
            if engine == "supervisor":
                # Nobody supervises, and rows go on through all of them.
                assert project.query(f"SELECT COUNT(*) FROM {TABLE}", up_to_now=True).rows == [(KEYS,)]
            wait_until_back(project, engine, killed)
            assert_answers_again(readers)
            time.sleep(3)
    assert readers.findings.wrong == []
    assert_equal(project)


@ONE
def test_nothing_is_lost_when_the_source_is_killed(project):
    """The writer ends with its connection; what it committed must arrive, in doubt or not."""
    for number, pause_s in enumerate(moments("postgres")):
        came_back = False
        with contextlib.suppress(psycopg.OperationalError), watched(project, 1000.0) as (_, readers):
            time.sleep(2)
            await_moment(project, number, pause_s)
            killed = kill(project, "postgres")
            wait_until_back(project, "postgres", killed)
            assert_answers_again(readers)
            time.sleep(3)
            came_back = True
        assert came_back  # what the writer's end raises would hide what failed before
        assert readers.findings.wrong == []
        assert_equal(project)
