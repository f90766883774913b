"""Random views over random histories on the whole path, Spark killed on the way, held against PostgreSQL."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.views.project import ViewProject
from tests.integration.views.reader import Reader
from tests.integration.views.sql_grammar import DrawnView, draw
from tests.property.histories import Statement, random_intents, resolve
from tests.property.replay import Replayer, create_tables
from tests.property.tables import EVENTS, PLAIN

pytestmark = [pytest.mark.engines, pytest.mark.long]

TABLES = ("plain", "events")
OF_EVENTS = {
    "not_clicks": DrawnView(
        "SELECT id, kind, payload, weight FROM events WHERE kind <> 'click'",
        ("id", "kind", "payload", "weight"),
    ),
}
INTENTS = 300


@pytest.fixture(scope="module")
def project(empty: ViewProject) -> Iterator[ViewProject]:
    with empty.connect() as connection:
        create_tables(connection, (PLAIN, EVENTS), full_identity=False)
    yield empty


@pytest.fixture
def replayer(project: ViewProject) -> Iterator[Replayer]:
    made = Replayer(project.connect)
    yield made
    made.close()


def drawn(seed: int) -> dict[str, DrawnView]:
    source = random.Random(seed)
    views = {f"drawn{seed}_{n}": draw(source, groups=n % 3 != 2) for n in range(4)}
    return views | OF_EVENTS


class Kills:
    """Kills Spark before given statements of a history."""

    def __init__(self, project: ViewProject, moments: list[int]) -> None:
        self._project = project
        self._moments = moments
        self._count = 0
        self.killed = 0

    def before(self, statement: Statement) -> None:
        time.sleep(0.005)  # so that the history lasts as long as a start of Spark
        self._count += 1
        if self._count in self._moments:
            self._project.kill_spark()
            self.killed += 1


def at_a_checkpoint(project: ViewProject, done: threading.Event) -> bool:
    """kill -9 as soon as a batch of some view has written its offsets, before its commit if that can be."""
    folder = project.spark_folder / "checkpoints"
    known = set(offsets(folder))
    while not done.wait(0.0005):
        if set(offsets(folder)) - known:
            project.kill_spark()
            return True
    return False


def offsets(checkpoints: Path) -> list[Path]:
    return [path for path in checkpoints.glob("*/*/offsets/*") if path.name.isdigit()]


def check(project: ViewProject, views: dict[str, DrawnView], label: str) -> None:
    assert project.differences([*TABLES, *views]) == {}, label
    for name, view in views.items():
        try:
            project.same_result(view.sql, name, view.columns)
        except AssertionError as error:
            raise AssertionError(f"{label}: {name}: {view.sql}") from error


@pytest.mark.parametrize("seed", [1, 2])
def test_random_views_over_random_histories_are_postgresqls(
    project: ViewProject, replayer: Replayer, seed: int
) -> None:
    source = random.Random(seed)
    views = drawn(seed)
    play(project, replayer, seed * 10)
    project.write(TABLES, {name: view.sql for name, view in views.items()}).apply()
    with Reader(project, list(views)).at_work():
        check(project, views, "built over a history")

        play(project, replayer, seed * 10 + 1)
        check(project, views, "behind a history")

        process = project.engine("spark").process
        kills = Kills(project, [source.randint(20, 120)])
        play(project, replayer, seed * 10 + 2, kills)
        assert kills.killed == 1
        project.await_spark(process)
        check(project, views, "behind a kill")

        process = project.engine("spark").process
        done = threading.Event()
        struck: list[bool] = []
        thread = threading.Thread(target=lambda: struck.append(at_a_checkpoint(project, done)), daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        part = seed * 10 + 3
        while thread.is_alive() and time.monotonic() < deadline:
            play(project, replayer, part, Kills(project, []))
            part += 1000
        done.set()
        thread.join()
        assert struck == [True], "no checkpoint within a minute"
        project.execute("UPDATE plain SET amount = -amount, qty = 1 WHERE qty <> 0")
        project.await_spark(process)
        check(project, views, "behind a kill at a checkpoint")
    assert project.open().plan().empty


def play(project: ViewProject, replayer: Replayer, seed: int, kills: Kills | None = None) -> None:
    """A history over emptied tables; by turns emptied row by row and by TRUNCATE."""
    for table in TABLES:
        project.execute(f"TRUNCATE {table}" if seed % 2 else f"DELETE FROM {table}")
    history = resolve(random_intents(seed, INTENTS, TABLES), TABLES)
    replayer.run(history, None if kills is None else kills.before)
