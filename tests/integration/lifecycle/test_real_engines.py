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
from pathlib import Path
from typing import Any

import pytest

from headrace.apply.project import open_project
from headrace.engines.folder import ProjectFolder
from headrace.engines.install import install
from headrace.engines.installation import headrace_home
from headrace.engines.process import ProcessIdentity, marked, wait_gone
from headrace.engines.runtime import down, up
from headrace.hops.source.client import SourceClient
from headrace.spec import load
from tests.integration.lifecycle.small_project import eventually

pytestmark = [pytest.mark.engines, pytest.mark.slow]

ENGINES = {"postgres", "zookeeper", "kafka", "connect", "pinot"}
PATIENCE_S = 240.0


@dataclass
class RealProject:
    """A project whose engines are the real ones. `up` here leaves the tables alone: engines only."""

    directory: Path

    def up(self) -> None:
        up(load.load(load.in_directory(self.directory)), self.directory)

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
        return json.loads(self.headrace("status", "--json").stdout)

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
    down(project.directory, purge=True)
    assert project.alive() == []
    shutil.rmtree(project.directory)


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    install(headrace_home(), lambda _: None)


@pytest.fixture
def two_projects() -> Generator[tuple[RealProject, RealProject]]:
    projects = _project("first"), _project("second")
    yield projects
    for project in projects:
        _remove(project)


@pytest.fixture
def own_project() -> Generator[RealProject]:
    project = _project("own")
    yield project
    _remove(project)


@pytest.fixture(scope="module")
def project() -> Generator[RealProject]:
    project = _project("lifecycle")
    yield project
    _remove(project)


def test_lifecycle_twice(project: RealProject) -> None:
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
        stopped = project.headrace("down", "--json")
        assert stopped.returncode == 0, stopped.stderr
        assert set(json.loads(stopped.stdout)["stopped"]) == ENGINES
        assert project.alive() == []
        assert not any(engine["pid"] for engine in project.status()["engines"])
    assert seen_ports[0] == seen_ports[1]
    purged = project.headrace("down", "--purge", "--yes")
    assert purged.returncode == 0, purged.stderr
    assert not ProjectFolder.of(project.directory).root.exists()
    project.up()
    project.rows(1, "anew", "CREATE TABLE orders (id bigint PRIMARY KEY, note text)")
    with SourceClient.connect(open_project(project.directory).endpoints.source) as source:
        project.headrace("destroy", "--yes")
        source.execute("DROP TABLE orders")


OFFLINE = """
import fcntl, socket, struct, sys
with socket.socket() as any_socket:  # the loopback interface, up
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
    sys.exit("there is a network")
except OSError:
    pass
from pathlib import Path
from tests.integration.lifecycle.test_real_engines import RealProject
project = RealProject(Path(sys.argv[1]))
try:
    project.up()
    project.rows(1, "offline", "CREATE TABLE orders (id bigint PRIMARY KEY, note text)")
finally:
    assert project.headrace("down", "--purge", "--yes").returncode == 0
"""


def test_everything_works_without_a_network(own_project: RealProject) -> None:
    """In a network of its own that has nothing but the loopback interface."""
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets us make no network of our own")
    told = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", OFFLINE, own_project.directory],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert told.returncode == 0, told.stderr


def test_a_changed_column_of_the_source_makes_the_table_not_exact(project: RealProject) -> None:
    """`status` within five seconds, `verify` at once, both in the same words."""

    def served() -> dict[str, Any]:
        [table] = project.status()["tables"]
        return table

    def verdict(exit_code: int = 5) -> dict[str, Any]:
        verified = project.headrace("verify", "--json")
        assert verified.returncode == exit_code, verified.stdout + verified.stderr
        [table] = json.loads(verified.stdout)["tables"]
        assert table["exact"] is (exit_code == 0)
        return table

    def agree() -> bool:
        reasons = served()["inexact"]
        return bool(reasons) and sorted(reasons) == sorted(verdict()["inexact"])

    project.up()
    with SourceClient.connect(open_project(project.directory).endpoints.source) as source:
        source.execute("CREATE TABLE orders (id integer PRIMARY KEY, note text, price numeric(9, 2))")
        source.execute("INSERT INTO orders VALUES (1, 'one', 1.5)")
        applied = project.headrace("apply", "--yes")
        assert applied.returncode == 0, applied.stderr
        assert served()["exact"] is True
        verdict(0)
        told = project.status()
        assert told["tables"][0]["lag_records"] == 0
        assert abs(told["tables"][0]["newest_commit_time_ms"] - time.time() * 1000) < PATIENCE_S * 1000
        [slot] = told["slots"]
        assert (slot["active"], slot["wal_status"], slot["limit_bytes"]) == (True, "reserved", 4 * 1024**3)
        assert 0 < slot["kept_bytes"] < slot["limit_bytes"]
        watched = project.first_lines("status", "--watch")
        assert {"ENGINE", "TABLE", "orders", "SLOT", slot["name"]} <= watched
        source.execute("ALTER TABLE orders ADD COLUMN extra text")
        added = "public.orders has changed: column-added (extra text)"
        found = verdict()
        assert (found["equal"], found["inexact"]) == (True, [added])
        eventually(lambda: served()["exact"] is False, PATIENCE_S)
        assert served()["inexact"] == [added]
        assert f"! orders is not exact: {added}" in project.headrace("status").stdout
        assert f"public.orders is not exact: {added}" in project.headrace("verify").stdout
        source.execute("INSERT INTO orders VALUES (2, 'two', 2.5, 'more')")
        found = verdict()
        assert found["equal"] and len(found["inexact"]) > 1
        assert agree()
        project.headrace("apply", "--yes")
        verdict(0)
        eventually(lambda: served()["exact"] is True, PATIENCE_S)

        source.execute("ALTER TABLE orders DROP COLUMN note, ALTER COLUMN price TYPE text")
        gone = [
            "public.orders has changed: column-gone (note)",
            "public.orders has changed: column-retyped (price: numeric(9,2) became text)",
        ]
        found = verdict()
        assert (found["equal"], found["source_rows"]) == (True, 2)
        assert (found["inexact"], found["columns_not_compared"]) == (gone, ["note", "price"])
        eventually(agree, PATIENCE_S)
        project.headrace("apply", "--yes")
        verdict(0)

        source.execute("ALTER TABLE orders RENAME COLUMN id TO number")
        found = verdict()
        assert (found["compared"], found["equal"], found["source_rows"]) == (False, False, None)
        eventually(agree, PATIENCE_S)
        source.execute("ALTER TABLE orders RENAME COLUMN number TO id")
        source.execute("ALTER TABLE orders RENAME TO elsewhere")
        assert verdict()["inexact"] == ["public.orders has changed: table-gone (it was dropped or renamed)"]
        source.execute("ALTER TABLE elsewhere RENAME TO orders")
        verdict(0)
        project.headrace("destroy", "--yes")
        source.execute("DROP TABLE orders")


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
    eventually(lambda: project.ready() and project.pids()[engine] != before[engine], PATIENCE_S)
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


@pytest.mark.long
def test_two_projects_side_by_side(two_projects: tuple[RealProject, RealProject]) -> None:
    first, second = two_projects
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda project: project.up(), two_projects))
    pids = second.pids()
    assert first.headrace("down", "--purge", "--yes").returncode == 0
    assert not ProjectFolder.of(first.directory).root.exists()
    assert second.ready()
    assert second.pids() == pids
