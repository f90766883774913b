"""The whole life of a project on the real engines, through the command line, as a user leads it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace.apply.project import Project, open_project
from headrace.cli.verify import as_document
from headrace.engines import runtime
from headrace.engines.folder import ProjectFolder
from headrace.engines.process import ProcessIdentity, marked, wait_gone
from headrace.engines.watch_loop import read_alerts
from headrace.hops.source.client import SourceClient
from headrace.hops.source.watch import Change
from headrace.observe.tables import TableStatus
from headrace.observe.watch import SOURCE_CHANGED
from headrace.spec import load
from tests.integration.lifecycle.small_project import eventually
from tests.running_engines import installed

pytestmark = [pytest.mark.engines, pytest.mark.slow]

ENGINES = {"postgres", "zookeeper", "kafka", "connect", "pinot"}
PATIENCE_S = 240.0
PAUSE_S = 0.3


@dataclass
class RealProject:
    """A project whose engines are the real ones. `up` here leaves the tables alone: engines only."""

    directory: Path

    def up(self) -> None:
        runtime.up(load.load(load.in_directory(self.directory)), self.directory)

    def headrace(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from headrace.cli.main import run; run()", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def first_lines(self, *arguments: str) -> set[str]:
        """The first words of what a command without an end prints, up to the slots."""
        program = [sys.executable, "-c", "from headrace.cli.main import run; run()", *arguments]
        words: set[str] = set()
        with subprocess.Popen(program, cwd=self.directory, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            slots = False
            for line in process.stdout:
                words |= set(line.split()[:1])
                if slots:
                    break
                slots = line.startswith("SLOT ")
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 130
        return words

    def status(self) -> dict[str, Any]:
        """What `headrace status` says of the engines."""
        return runtime.status(self.directory).as_dict()

    def pids(self) -> dict[str, int]:
        return {engine["name"]: engine["pid"] for engine in self.status()["engines"]}

    def rows(self, first: int, note: str, *statements: str) -> None:
        """Apply, write 500 rows, ask for the last of them, and compare all."""
        with SourceClient.connect(open_project(self.directory).endpoints.source) as source:
            for statement in statements:
                source.execute(statement)
            applied = self.headrace("apply", "--yes")
            assert applied.returncode == 0, applied.stderr
            source.execute(
                "INSERT INTO orders SELECT g, %s FROM generate_series(%s::int, %s::int) g",
                (note, first, first + 499),
            )
        question = f"SELECT note FROM orders WHERE id = {first + 499}"
        asked = self.headrace("query", question, "--after", "now", "--csv")
        assert asked.stdout.splitlines() == ["note", note], asked.stderr
        verified = self.headrace("verify")
        assert verified.returncode == 0, verified.stdout

    def all_stop(self) -> None:
        """Down, and nothing of it is left."""
        stopped = self.headrace("down", "--json")
        assert stopped.returncode == 0, stopped.stderr
        assert set(json.loads(stopped.stdout)["stopped"]) == ENGINES
        assert self.alive() == []
        assert not any(engine["pid"] for engine in self.status()["engines"])

    def ready(self) -> bool:
        return self.status()["ready"]

    def alive(self) -> list[ProcessIdentity]:
        return list(marked(self.directory))


def _project(name: str) -> RealProject:
    # Not below pytest's own folder, which is closed to the account PostgreSQL runs as.
    directory = Path(tempfile.mkdtemp(prefix=f"headrace-test-{name}-")).resolve()
    directory.chmod(0o755)
    (directory / "headrace.yaml").write_text(f"project: {name}\ntables: [orders]\n")
    return RealProject(directory)


def _remove(project: RealProject) -> None:
    runtime.down(project.directory, purge=True)
    assert project.alive() == []
    shutil.rmtree(project.directory)


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    installed()


@pytest.fixture
def two_projects() -> Generator[tuple[RealProject, RealProject]]:
    projects = _project("first"), _project("second")
    yield projects
    for project in projects:
        _remove(project)


@pytest.fixture(scope="module")
def project() -> Generator[RealProject]:
    project = _project("lifecycle")
    yield project
    _remove(project)


def test_lifecycle_twice(project: RealProject) -> None:
    """Up, and up again while all runs; down, and up with all that was there. It stays up."""
    seen_ports: list[object] = []
    for time_around in range(2):
        project.up()
        if time_around == 1:
            project.rows(501, "after a stop")
        status = project.status()
        assert {engine["name"] for engine in status["engines"]} == ENGINES
        assert status["ready"]
        assert all(engine["memory_bytes"] > 1_000_000 for engine in status["engines"])
        seen_ports.append([engine["ports"] for engine in status["engines"]])
        pids = project.pids()
        project.up()
        assert project.pids() == pids
        if time_around == 0:
            project.rows(1, "before it", "CREATE TABLE orders (id bigint PRIMARY KEY, note text)")
            project.all_stop()
    assert seen_ports[0] == seen_ports[1]
    with SourceClient.connect(open_project(project.directory).endpoints.source) as source:
        open_project(project.directory).destroy()
        source.execute("DROP TABLE orders")


def test_a_changed_column_of_the_source_makes_the_table_not_exact(project: RealProject) -> None:
    """`status` within five seconds, `verify` at once, both in the same words. The table stays served."""

    def opened() -> Project:
        return open_project(project.directory)

    def served() -> TableStatus:
        [table] = opened().overview().tables
        return table

    def verdict(*, exact: bool = False) -> dict[str, Any]:
        return the_table(as_document(opened().verify(), show_values=False), exact)

    def verdict_by_command(*, exact: bool) -> dict[str, Any]:
        verified = project.headrace("verify", "--json")
        assert verified.returncode == (0 if exact else 5), verified.stdout + verified.stderr
        return the_table(json.loads(verified.stdout), exact)

    def the_table(document: dict[str, Any], exact: bool) -> dict[str, Any]:
        [table] = document["tables"]
        assert (document["exact"], table["exact"]) == (exact, exact)
        return table

    def agree() -> bool:
        reasons = served().inexact
        return bool(reasons) and sorted(reasons) == sorted(verdict()["inexact"])

    def apply() -> None:
        applied = project.headrace("apply", "--yes")
        assert applied.returncode == 0, applied.stderr

    project.up()
    with SourceClient.connect(opened().endpoints.source) as source:
        source.execute("CREATE TABLE orders (id integer PRIMARY KEY, note text, price numeric(9, 2))")
        source.execute("INSERT INTO orders VALUES (1, 'one', 1.5)")
        apply()
        assert served().exact is True
        verdict_by_command(exact=True)
        told = json.loads(project.headrace("status", "--json").stdout)
        [table] = told["tables"]
        assert (table["exact"], table["lag_records"]) == (True, 0)
        assert abs(table["newest_commit_time_ms"] - time.time() * 1000) < PATIENCE_S * 1000
        [slot] = told["slots"]
        assert (slot["active"], slot["wal_status"], slot["limit_bytes"]) == (True, "reserved", 4 * 1024**3)
        assert 0 < slot["kept_bytes"] < slot["limit_bytes"]
        watched = project.first_lines("status", "--watch")
        assert {"ENGINE", "TABLE", "orders", "SLOT", slot["name"]} <= watched
        source.execute("ALTER TABLE orders ADD COLUMN extra text")
        altered = datetime.now(UTC)
        added = "public.orders has changed: column-added (extra text)"
        found = verdict_by_command(exact=False)
        assert (found["equal"], found["inexact"]) == (True, [added])
        eventually(lambda: served().exact is False, PATIENCE_S, pause_s=PAUSE_S)
        assert told_since(project) - altered <= within()
        assert served().inexact == (added,)
        assert f"! orders is not exact: {added}" in project.headrace("status").stdout
        assert f"public.orders is not exact: {added}" in project.headrace("verify").stdout
        source.execute("INSERT INTO orders VALUES (2, 'two', 2.5, 'more')")
        found = verdict()
        assert found["equal"] and len(found["inexact"]) > 1
        assert agree()
        apply()
        verdict(exact=True)
        eventually(lambda: served().exact is True, PATIENCE_S, pause_s=PAUSE_S)

        source.execute("ALTER TABLE orders DROP COLUMN note, ALTER COLUMN price TYPE text")
        gone = [
            "public.orders has changed: column-gone (note)",
            "public.orders has changed: column-retyped (price: numeric(9,2) became text)",
        ]
        found = verdict()
        assert (found["equal"], found["source_rows"]) == (True, 2)
        assert (found["inexact"], found["columns_not_compared"]) == (gone, ["note", "price"])
        eventually(agree, PATIENCE_S, pause_s=PAUSE_S)
        apply()
        verdict(exact=True)

        source.execute("ALTER TABLE orders RENAME COLUMN id TO number")
        found = verdict()
        assert (found["compared"], found["equal"], found["source_rows"]) == (False, False, None)
        eventually(agree, PATIENCE_S, pause_s=PAUSE_S)
        source.execute("ALTER TABLE orders RENAME COLUMN number TO id")
        source.execute("ALTER TABLE orders RENAME TO elsewhere")
        assert verdict()["inexact"] == ["public.orders has changed: table-gone (it was dropped or renamed)"]
        source.execute("ALTER TABLE elsewhere RENAME TO orders")
        verdict(exact=True)


def told_since(project: RealProject) -> datetime:
    """Since when the supervisor tells of the column that was added."""
    alerts = read_alerts(ProjectFolder.of(project.directory))
    [since] = [one.since for one in alerts if one.alert.code == f"{SOURCE_CHANGED}{Change.COLUMN_ADDED}"]
    return since


def within() -> timedelta:
    """The promise: the supervisor looks every 2 s. Where others have the processors, a look takes longer."""
    return timedelta(seconds=15 if os.getloadavg()[0] > 4 else 5)


@pytest.mark.long
def test_listens_on_loopback_only(project: RealProject) -> None:
    project.up()
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    ours = {str(process.pid) for process in project.alive()}
    lines = [line for line in listening.splitlines() if any(f"pid={pid}," in line for pid in ours)]
    assert lines
    addresses = {line.split()[3].rpartition(":")[0] for line in lines}
    assert addresses <= {"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"}


@pytest.mark.long
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_killed_engine_comes_back(project: RealProject, engine: str) -> None:
    project.up()
    before = project.pids()
    os.kill(before[engine], signal.SIGKILL)
    eventually(
        lambda: project.ready() and project.pids()[engine] != before[engine], PATIENCE_S, pause_s=PAUSE_S
    )
    after = project.pids()
    assert {name: pid for name, pid in after.items() if name != engine} == {
        name: pid for name, pid in before.items() if name != engine
    }


def test_engines_outlive_their_supervisor_and_are_adopted(project: RealProject) -> None:
    project.up()
    before, supervisor = project.pids(), project.status()["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGKILL)
    time.sleep(2)
    status = project.status()
    assert status["supervisor"]["pid"] is None
    assert project.pids() == before
    project.up()
    assert project.pids() == before
    assert project.status()["supervisor"]["pid"] not in (None, supervisor)


@pytest.mark.long
def test_all_killed_at_once(project: RealProject) -> None:
    project.up()
    processes = project.alive()
    for process in processes:
        process.send(signal.SIGKILL)
    assert wait_gone(processes, PATIENCE_S) == ()
    project.up()
    assert project.ready()


NO_NETWORK = """
import fcntl, socket, struct, sys
with socket.socket() as any_socket:  # the loopback interface, up
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
    sys.exit("there is a network")
except OSError:
    pass
"""

ANEW = """
import sys
from pathlib import Path
from tests.integration.lifecycle.test_real_engines import RealProject
project = RealProject(Path(sys.argv[1]))
try:
    project.up()
    project.rows(1, "anew", "CREATE TABLE orders (id bigint PRIMARY KEY, note text)")
finally:
    assert project.headrace("down", "--purge", "--yes").returncode == 0
"""


def test_after_a_purge_everything_works_anew_and_without_a_network(project: RealProject) -> None:
    """In a network of its own that has nothing but the loopback interface."""
    project.up()
    project.all_stop()
    purged = project.headrace("down", "--purge", "--yes")
    assert purged.returncode == 0, purged.stderr
    assert not ProjectFolder.of(project.directory).root.exists()
    unshare = ["unshare", "--net"]
    refused = subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0
    program = [sys.executable, "-c", ANEW] if refused else [*unshare, sys.executable, "-c", NO_NETWORK + ANEW]
    told = subprocess.run(
        [*program, project.directory], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert told.returncode == 0, told.stderr
    if refused:
        pytest.skip("this machine lets us make no network of our own")


@pytest.mark.long
def test_two_projects_side_by_side(two_projects: tuple[RealProject, RealProject]) -> None:
    first, second = two_projects
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda project: project.up(), two_projects))
    for project, note in ((first, "of the first"), (second, "of the second")):
        project.rows(1, note, "CREATE TABLE orders (id bigint PRIMARY KEY, note text)")
    pids = second.pids()
    assert first.headrace("down", "--purge", "--yes").returncode == 0
    assert not ProjectFolder.of(first.directory).root.exists()
    assert second.ready()
    assert second.pids() == pids
    verified = second.headrace("verify")
    assert verified.returncode == 0, verified.stdout
