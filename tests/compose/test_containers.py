"""The whole path in containers: rows, kills, the dashboard, the end. `script/compose-test` runs it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from headrace.apply.project import open_project
from headrace.engines.compose import kafka_ui, site
from headrace.engines.compose.docker import PROJECT_LABEL, Docker
from headrace.engines.compose.env_file import path_of
from headrace.engines.compose.preparation import image_name
from headrace.engines.folder import ProjectFolder
from headrace.feed.connect import connect
from tests.compose.command import Project, left_behind

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

ENGINES = {"postgres", "zookeeper", "kafka", "pinot", "connect", "spark", "superset"}
ROWS = 5_000
_PATIENCE_S = 600.0


@pytest.fixture(scope="module")
def filled(project: Project) -> Project:
    """Tables with rows that are served."""
    with connect(open_project(project.folder).endpoints.source) as session:
        session.execute("CREATE TABLE orders (id bigint PRIMARY KEY, status text, amount numeric(12,2))")
        session.execute("CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL)")
        session.execute(
            "INSERT INTO orders SELECT i, 'status ' || i %% 7, i * 1.01 FROM generate_series(1, %s) i",
            (ROWS,),
        )
        session.execute("INSERT INTO customers SELECT i, 'name ' || i FROM generate_series(1, 300) i")
    project.run("apply")
    return project


def verified(project: Project) -> dict[str, dict[str, object]]:
    """What `verify` says of each table and view; that every one is equal is already its exit code."""
    return {one["table"]: one for one in project.json("verify")["tables"]}


@contextmanager
def writing(project: Project) -> Iterator[list[int]]:
    """Inserts, updates and deletes go on meanwhile, through every loss of the server; the rounds done."""
    source = open_project(project.folder).endpoints.source
    ending = threading.Event()
    rounds: list[int] = []

    def write() -> None:
        while not ending.is_set():
            try:
                with psycopg.connect(**source.conninfo(), autocommit=True) as session:  # pyright: ignore
                    while not ending.is_set():
                        number = ROWS + len(rounds) + 1
                        session.execute(
                            "INSERT INTO orders VALUES (%s, 'new', 1) ON CONFLICT DO NOTHING", (number,)
                        )
                        session.execute(
                            "UPDATE orders SET amount = amount + 1 WHERE id %% 500 = %s", (number % 500,)
                        )
                        session.execute("DELETE FROM orders WHERE id = %s", (number - 200,))
                        rounds.append(number)
                        ending.wait(0.02)
            except psycopg.OperationalError:
                ending.wait(0.5)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield rounds
    finally:
        ending.set()
        thread.join(30)
        assert not thread.is_alive()


def until_ready(project: Project) -> None:
    began = time.monotonic()
    while not (seen := project.json("status"))["ready"]:
        assert time.monotonic() - began < _PATIENCE_S, seen["engines"]
        time.sleep(1)


def test_rows_updates_and_deletes_arrive_exactly(filled: Project) -> None:
    before = verified(filled)
    assert before["public.orders"]["source_rows"] == ROWS
    with connect(open_project(filled.folder).endpoints.source) as session:
        session.execute("UPDATE orders SET status = 'changed' WHERE id % 3 = 0")
        session.execute("DELETE FROM orders WHERE id % 10 = 0")
    assert verified(filled)["public.orders"]["source_rows"] == ROWS - ROWS // 10
    filled.run("plan", "--detailed-exitcode")


def test_status_and_logs_are_the_native_ones(filled: Project) -> None:
    seen = filled.json("status")
    assert seen["ready"]
    assert {engine["name"] for engine in seen["engines"]} - {kafka_ui.SERVICE} == ENGINES
    assert {table["exact"] for table in seen["tables"]} == {True}
    assert filled.json("logs", "pinot", "-n", "3")["lines"]


def test_the_dashboard_is_there_and_its_charts_were_compared(filled: Project) -> None:
    # `apply` fails unless every chart shows what PostgreSQL says.
    filled.run("apply")
    with open_project(filled.folder).connections() as connections:
        assert connections.superset is not None
        assert connections.superset.healthy()
        assert len(connections.superset.list("dashboard")) == 1


def test_what_kafka_ui_is_told_answers_from_inside(filled: Project, docker: Docker) -> None:
    kept = site.read(ProjectFolder.of(filled.folder))
    assert kept is not None
    settings = kafka_ui.settings()
    broker = settings["KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"]
    worker = settings["KAFKA_CLUSTERS_0_KAFKACONNECT_0_ADDRESS"]
    ask = (
        "import sys, httpx; from confluent_kafka.admin import AdminClient;"
        "topics = AdminClient({'bootstrap.servers': sys.argv[1]}).list_topics(timeout=10).topics;"
        "print(len(topics), httpx.get(sys.argv[2] + '/connectors').json())"
    )
    network = docker.labelled("network", {PROJECT_LABEL: kept.compose_project})[0]
    told = docker.run(
        *("run", "--rm", "--network", network, "--entrypoint", "/opt/python/bin/python"),
        *(image_name(), "-c", ask, broker, worker),
    )
    assert f"headrace-{kept.project}-1" in told


def test_nothing_listens_beyond_this_machine_and_no_secret_is_open(filled: Project, docker: Docker) -> None:
    kept = site.read(ProjectFolder.of(filled.folder))
    assert kept is not None
    ids = docker.labelled("container", {PROJECT_LABEL: kept.compose_project})
    for document in docker.inspect("container", ids):
        for bindings in document["HostConfig"]["PortBindings"].values():  # pyright: ignore
            assert {one["HostIp"] for one in bindings} == {"127.0.0.1"}
        assert document["Config"]["User"] == "headrace"  # pyright: ignore
    path = path_of(ProjectFolder.of(filled.folder))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = next(line for line in path.read_text().splitlines() if "PASSWORD" in line).partition("=")[2]
    printed = filled.run("status") + filled.run("logs", "connect", "-n", "500")
    assert secret not in printed


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_killed_engine_comes_back_and_nothing_is_lost(filled: Project, engine: str) -> None:
    with writing(filled) as rounds:
        while len(rounds) < 20:
            time.sleep(0.1)
        pid = filled.pids[engine]
        # Not `docker kill`, which tells Docker not to start it again.
        os.kill(pid, signal.SIGKILL)
        time.sleep(3)
        until_ready(filled)
        done = len(rounds)
        while len(rounds) < done + 20:
            time.sleep(0.1)
    restarted = next(one for one in filled.json("status")["engines"] if one["name"] == engine)
    assert restarted["restarts"] >= 1
    assert restarted["pid"] != pid
    verified(filled)


def test_another_folder_with_the_same_name_is_refused(
    filled: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    (other.folder / "headrace.yaml").write_text((filled.folder / "headrace.yaml").read_text())
    assert other.error("up", "--target", "compose")["code"] == "compose-project-taken"
    other.run("down", "--purge")
    until_ready(filled)


def test_a_taken_port_and_too_little_memory_are_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        (other.folder / "headrace.yaml").write_text(
            f"project: composetwo\ntables: [orders]\nengines:\n  ports:\n    kafka: {held.getsockname()[1]}\n"
        )
        assert other.error("up", "--target", "compose")["code"] == "port-taken"
    (other.folder / "headrace.yaml").write_text(
        "project: composetwo\ntables: [orders]\nengines:\n"
        "  heap: {pinot: 64GiB, kafka: 64GiB, connect: 64GiB, zookeeper: 64GiB}\n"
    )
    assert other.error("up", "--target", "compose")["code"] == "memory-too-small"
    other.run("down", "--purge")


def test_an_open_env_file_is_refused(filled: Project) -> None:
    path = path_of(ProjectFolder.of(filled.folder))
    path.chmod(0o644)
    try:
        assert filled.error("up")["code"] == "env-file-readable"
    finally:
        path.chmod(0o600)
    until_ready(filled)


def test_down_keeps_the_data_and_purge_leaves_nothing(filled: Project, docker: Docker) -> None:
    rows = verified(filled)["public.orders"]["source_rows"]
    filled.run("down")
    assert filled.error("query", "SELECT 1 FROM orders")["code"] == "engines-not-running"
    filled.run("up")
    assert verified(filled)["public.orders"]["source_rows"] == rows
    kept = site.read(ProjectFolder.of(filled.folder))
    assert kept is not None
    filled.run("down", "--purge")
    assert left_behind(docker, kept.compose_project) == []
    assert not (filled.folder / ".headrace").exists()
