"""Histories through the whole path: PostgreSQL, Debezium, Kafka, Pinot; the oracle is our own.

Segments are committed every few hundred rows and several tables have several partitions, so that updates
cross segments and commits happen in the middle of everything.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from headrace.apply.progress import Event, StageBegun
from headrace.apply.project import Project
from headrace.feed.connect import connect
from headrace.plan.render import title
from headrace.spec.load import load
from tests.integration.apply.project import RunningProject
from tests.property.histories import History, intents, random_intents, resolve
from tests.property.pinot_reader import PinotReader
from tests.property.replay import Replayer, create_tables, differences, postgres_reader
from tests.property.tables import TABLES

pytestmark = [pytest.mark.engines, pytest.mark.slow]

DECLARED: dict[str, dict[str, object]] = {
    "plain": {"flush_rows": 300},
    "ledger": {"flush_rows": 200, "partitions": 3},
    "words": {"flush_rows": 200},
    "events": {"flush_rows": 200, "partitions": 2},
    # An interval and a bit(3) cannot be carried exactly: refused at plan time unless left out.
    "wide": {"flush_rows": 200, "exclude": ["lasts", "bits"]},
}
HISTORIES = int(os.environ.get("HEADRACE_TEST_HISTORIES", "2"))
"""Long ones, of 1,500 intents each."""


class WholePath:
    """The running project, the sessions that write and the reader that reads."""

    def __init__(self, project: Project) -> None:
        source = project.endpoints.source
        self.connection = connect(source)
        self.replayer = Replayer(lambda: connect(source))
        self.reader = PinotReader(project)

    def close(self) -> None:
        self.replayer.close()
        self.connection.close()
        self.reader.close()

    def check(self, history: History) -> None:
        """Play a history on emptied tables, then compare PostgreSQL and Pinot with the oracle."""
        names = ", ".join(table.name for table in history.tables)
        self.connection.execute(f"TRUNCATE {names}")  # type: ignore[call-overload]
        self.replayer.run(history)
        self.reader.fence(history.tables)
        read = postgres_reader(self.connection)
        found: list[str] = []
        for table in history.tables:
            contents = history.model.committed[table.name]
            assert differences(table, contents, read(table), by_text=True) == []
            rows = self.reader.rows(table)
            columns = self.reader.columns(table)
            found += differences(table, contents, rows, by_text=False, columns=columns)
        assert not found, "\n".join(found[:20])


@pytest.fixture(scope="module")
def path(engines_folder: Path) -> Iterator[WholePath]:
    """All tables served; of them and their types nothing is left."""
    running = RunningProject(engines_folder, load(engines_folder / "headrace.yaml").project)

    def clear() -> None:
        running.declare("orders").destroy()
        running.execute(
            f"DROP TABLE IF EXISTS {', '.join(TABLES)}",
            "DROP TYPE IF EXISTS mood",
            "DROP DOMAIN IF EXISTS positive",
        )

    clear()
    with contextlib.ExitStack() as stack:
        stack.callback(clear)
        project = running.declare(*(f"{name}: {json.dumps(how)}" for name, how in DECLARED.items()))
        with connect(project.endpoints.source) as connection:
            create_tables(connection, TABLES.values(), full_identity=False)
        project.apply(progress=_told)
        path = WholePath(project)
        stack.callback(path.close)
        yield path


def _told(event: Event) -> None:
    if isinstance(event, StageBegun):
        print(f"  {event.position}/{event.count} {title(event.stage)}", file=sys.stderr)


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each step costs seconds: do not shrink here
    suppress_health_check=list(HealthCheck),
)
@given(wanted=st.lists(intents(), min_size=10, max_size=80), forbidden=st.booleans())
def test_drawn_histories_arrive_exactly(path, wanted, forbidden):
    path.check(resolve(wanted, forbidden=forbidden))


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_long_histories_arrive_exactly_through_segment_commits(path, seed):
    before = {name: path.reader.committed_segments(table) for name, table in TABLES.items()}
    path.check(resolve(random_intents(seed, 1500), forbidden=seed % 2 == 1))
    for name, table in TABLES.items():
        assert path.reader.committed_segments(table) > before[name], f"{name}: no segment was committed"
