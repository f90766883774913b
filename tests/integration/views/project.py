"""A project with views on real engines: its file, its Spark, and PostgreSQL's answers beside its own."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.apply.project import Project, open_project
from headrace.engines.folder import ProjectFolder
from headrace.engines.record import EngineRecord, EngineState, read_engines
from headrace.hops.serve.directory import Generation, resolve
from headrace.hops.transform.client import JobStatus, SparkClient
from headrace.names import TableName, ViewNames
from headrace.plan.model import ViewState
from tests.integration.apply.project import RunningProject

PATIENCE_S = 120.0


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait until it holds; no test hangs for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@dataclass(frozen=True)
class ViewProject(RunningProject):
    """One folder with engines that run, Spark among them."""

    def write(self, tables: Sequence[str], views: Mapping[str, str]) -> Project:
        """Write headrace.yaml, and open it."""
        declared: dict[str, object] = {"project": self.name, "tables": list(tables)}
        if views:
            declared["views"] = dict(views)
        (self.directory / "headrace.yaml").write_text(json.dumps(declared))
        return self.open()

    def open(self) -> Project:
        return open_project(self.directory)

    def spark(self) -> SparkClient:
        url = self.open().endpoints.spark_url
        assert url is not None
        return SparkClient(url)

    def jobs(self) -> dict[str, JobStatus]:
        with self.spark() as spark:
            return spark.jobs()

    def topics(self) -> frozenset[str]:
        with self.open().connections() as connections:
            return frozenset(connections.kafka.topics())

    def views(self) -> tuple[ViewState, ...]:
        """Every generation of a view of which something is there."""
        with self.open().connections() as connections:
            return connections.systems.views.states()

    def live(self) -> dict[str, int]:
        """The numbers of the generations that answer; there is one of each view."""
        found = [state for state in self.views() if state.status is not None]
        numbers = {state.view.table: state.number for state in found}
        assert len(numbers) == len(found), found
        assert all(state.status == "live" and state.topic and state.job for state in found), found
        return numbers

    def names(self, view: str) -> ViewNames:
        return ViewNames(self.name, self.live()[view])

    def generation(self, view: str) -> Generation:
        with self.open().connections() as connections:
            return resolve(connections.pinot, self.name, view)

    def job_name(self, view: str) -> str:
        return self.names(view).pinot_table(view)

    @property
    def spark_folder(self) -> Path:
        return self.directory / ".headrace" / "data" / "spark"

    def engine(self, name: str) -> EngineRecord:
        records = read_engines(ProjectFolder.of(self.directory)).engines
        return next(record for record in records if record.name == name)

    def kill_spark(self) -> None:
        """kill -9, and nothing else: the supervisor is to start it again."""
        process = self.engine("spark").process
        assert process is not None
        assert process.send(signal.SIGKILL) is not False

        def gone() -> bool:
            return not process.alive()

        eventually(gone, "Spark outlives kill -9")

    def await_spark(self, process: object = None) -> None:
        """Wait until Spark serves, in another process than this one."""

        def serves() -> bool:
            record = self.engine("spark")
            return record.state is EngineState.READY and record.process != process and record.runs()

        eventually(serves, "Spark does not come back")

    def differences(self, names: Sequence[str]) -> dict[str, object]:
        """What an audit finds in these tables and views."""
        opened = self.open()
        verdicts = opened.verify([opened.named(name) for name in names])
        assert [verdict.served_name for verdict in verdicts] == list(names)
        return {verdict.served_name: verdict for verdict in verdicts if not verdict.exact}

    def same_result(self, sql: str, view: str, columns: Sequence[str]) -> int:
        """The view as a query sees it is PostgreSQL's answer; how many rows that is."""
        with self.connect() as connection:
            connection.execute("SET timezone = 'UTC'")
            wanted = Counter(connection.execute(sql.encode()).fetchall())
        found = Counter(self.served(f"SELECT {', '.join(columns)} FROM {view}"))
        assert found == wanted, {"extra": found - wanted, "missing": wanted - found}
        return wanted.total()


def view_name(name: str) -> TableName:
    return TableName.of_view(name)
