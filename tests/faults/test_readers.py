"""Readers poll while rows are updated, segments are committed and engines are killed: never a wrong answer.

HEADRACE_TEST_KILLS sets how often each engine is killed (5 before a release), HEADRACE_TEST_SEED at which
moments (others in each run if it is not set; printed), HEADRACE_TEST_SECONDS how long the readers watch
without a kill. Every second kill of an engine comes while a segment is committed, the others at any moment;
which of the two is the first, and in CI the only one, is another for every second engine.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
import pytest

from headrace.apply.project import Project
from headrace.cli.scratch_project import scratch_project
from headrace.feed.connect import connect
from headrace.hops.serve import directory
from headrace.hops.serve.query import QueryClient
from tests.faults.invariants import TABLE, Readers, Writer, create_accounts
from tests.faults.kills import BACK_WITHIN_S, KILLED, kill, wait_until_back

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.alone]

KEYS = 5000
UPDATES_PER_S = 3000.0
FLUSH_ROWS = 10_000
WATCH_S = float(os.environ.get("HEADRACE_TEST_SECONDS", "20"))
KILLS = int(os.environ.get("HEADRACE_TEST_KILLS", "1"))
SEED = os.environ.get("HEADRACE_TEST_SEED") or str(time.time_ns())
COMMIT_TAKES_S = 1.5
COMMIT_HIT_WITHIN_S = 120.0
WATCH_AT_MOST_S = WATCH_S + 130.0
FEWEST_COMMITS = 2
FEWEST_ANSWERS = 100
"""Of each kind, while updates are written."""
LEAST_UPDATES_PER_S = 1000.0
"""What is reached with a third of two cores; 3,000 are offered."""
LONGEST_SILENCE_S = 30.0


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


def consuming_segments(project: Project) -> set[str]:
    with project.connections() as connections:
        live = directory.resolve(connections.pinot, project.name, TABLE)
        view = connections.pinot.external_view(live.physical)
    return {segment for segment, states in view.items() if "CONSUMING" in states.values()}


def seen_enough(project: Project, readers: Readers, before: int) -> bool:
    answered = readers.findings.answered
    if any(answered.get(kind, 0) < FEWEST_ANSWERS for kind in readers.kinds):
        return False
    return committed_segments(project) >= before + FEWEST_COMMITS


def longest_silence_s(readers: Readers) -> float:
    return round(readers.findings.longest_silence_s, 2)


def tell(record_property: Callable[[str, object], None], told: Mapping[str, object]) -> None:
    """Into the report (`--junitxml`) and, with `-rP` or `-s`, on the screen."""
    for name, value in told.items():
        record_property(name, value)
    print(*(f"{name}: {value}" for name, value in told.items()), sep="; ")


@BOTH
def test_no_answer_is_wrong_through_commits_under_updates(project, record_property):
    before = committed_segments(project)
    with watched(project, UPDATES_PER_S) as (writer, readers):
        began = time.monotonic()
        time.sleep(WATCH_S)
        # Pinot may be behind on a slow machine; commits and answers must come while the writer writes.
        while not seen_enough(project, readers, before) and time.monotonic() - began < WATCH_AT_MOST_S:
            time.sleep(1)
        commits = committed_segments(project) - before
        seconds = time.monotonic() - began
        reached_per_s, answers = writer.committed / seconds, dict(readers.findings.answered)
    told = {
        "seconds": round(seconds, 1),
        "updates_per_s": round(reached_per_s),
        "answers": answers,
        "unanswered": dict(readers.findings.unanswered),
        "longest_silence_s": longest_silence_s(readers),
        "segment_commits": commits,
    }
    tell(record_property, told)
    assert readers.findings.wrong == []
    assert set(answers) == set(readers.kinds)
    assert min(answers.values()) >= FEWEST_ANSWERS, told
    assert readers.findings.longest_silence_s < LONGEST_SILENCE_S, told
    assert reached_per_s > LEAST_UPDATES_PER_S, told
    assert commits >= FEWEST_COMMITS, told
    assert_equal(project)


@dataclass(frozen=True)
class Moment:
    """When to kill: `in_commit` while a segment is committed, else at any moment of the next seconds."""

    chance: random.Random
    in_commit: bool

    def wait(self, project: Project) -> str:
        """Return at the moment; what it is, in words."""
        if not self.in_commit:
            pause_s = self.chance.uniform(0.5, 6)
            time.sleep(pause_s)
            return f"at a random moment, after {pause_s:.2f} s"
        time.sleep(1)
        deadline = time.monotonic() + COMMIT_HIT_WITHIN_S
        while time.monotonic() < deadline:
            asked = consuming_segments(project)
            with project.connections() as connections:
                live = directory.resolve(connections.pinot, project.name, TABLE)
                connections.pinot.force_commit(live.physical)
            pause_s = self.chance.uniform(0, COMMIT_TAKES_S)
            time.sleep(pause_s)
            if asked & consuming_segments(project):
                return f"{pause_s:.2f} s after a commit was asked for that was not done yet"
        pytest.fail("each commit was done before the kill could come")


def moments(engine: str) -> list[Moment]:
    """Of each kill of an engine."""
    print(f"HEADRACE_TEST_SEED={SEED}")
    chance = random.Random(f"{SEED} {engine}")
    first = KILLED.index(engine)
    return [Moment(chance, in_commit=(first + number) % 2 == 0) for number in range(KILLS)]


def assert_answers_again(readers: Readers) -> None:
    """Every kind of reader gets answers."""
    before = dict(readers.findings.answered)
    deadline = time.monotonic() + BACK_WITHIN_S
    while silent := [
        kind for kind in readers.kinds if readers.findings.answered.get(kind, 0) <= before.get(kind, 0)
    ]:
        assert time.monotonic() < deadline, f"{silent} get no answer any more: {readers.findings}"
        time.sleep(0.1)


@ONE
@pytest.mark.parametrize("engine", [name for name in KILLED if name != "postgres"])
def test_no_answer_is_wrong_when_an_engine_is_killed(project, engine, record_property):
    with watched(project, 1000.0) as (_, readers):
        for number, moment in enumerate(moments(engine), 1):
            when = moment.wait(project)
            killed = kill(project, engine)
            tell(record_property, {f"{engine}, kill {number}": when})
            if engine == "supervisor":
                # Nobody supervises, and rows go on through all of them.
                assert project.query(f"SELECT COUNT(*) FROM {TABLE}", up_to_now=True).rows == [(KEYS,)]
            wait_until_back(project, engine, killed)
            assert_answers_again(readers)
            time.sleep(3)
    tell(record_property, {"longest_silence_s": longest_silence_s(readers)})
    assert readers.findings.wrong == []
    assert_equal(project)


@ONE
def test_nothing_is_lost_when_the_source_is_killed(project, record_property):
    """The writer ends with its connection; what it committed must arrive, in doubt or not."""
    for number, moment in enumerate(moments("postgres"), 1):
        came_back = False
        with contextlib.suppress(psycopg.OperationalError), watched(project, 1000.0) as (_, readers):
            time.sleep(2)
            when = moment.wait(project)
            killed = kill(project, "postgres")
            tell(record_property, {f"postgres, kill {number}": when})
            wait_until_back(project, "postgres", killed)
            assert_answers_again(readers)
            time.sleep(3)
            came_back = True
        assert came_back  # what the writer's end raises would hide what failed before
        assert readers.findings.wrong == []
        assert_equal(project)
