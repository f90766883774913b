"""`status`, `logs` and `down` where nothing runs, or what ran has left only its traces."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from headrace.cli.status import render, render_slots, render_tables
from headrace.engines.folder import ProjectFolder
from headrace.engines.process import ProcessIdentity
from headrace.engines.record import EngineRecord, EnginesFile, EngineState, write_engines
from headrace.engines.request import EngineRequest, write_request
from headrace.engines.status import EngineStatus, ProjectStatus
from headrace.engines.watch_loop import StandingAlert
from headrace.observe.slots import SlotWal
from headrace.observe.tables import TableStatus
from headrace.observe.watch import Alert, Severity
from tests.cli.command_line import expect_snapshot, run_headrace
from tests.temporary_postgres import TemporaryPostgres

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GONE = ProcessIdentity(2**22 - 1, "of-another-boot")


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    (tmp_path / "headrace.yaml").write_text("project: shop\ntables: [orders]\n")
    folder = ProjectFolder.of(tmp_path)
    folder.create("shop")
    return folder


@pytest.mark.parametrize(
    "arguments", [["status"], ["status", "--json"], ["down"], ["down", "--json"], ["logs", "kafka"]]
)
def test_where_nothing_was_ever_started(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text("project: shop\ntables: [orders]\n")
    outcome = run_headrace(*arguments, folder=tmp_path)
    expect_snapshot(f"lifecycle_nothing_{'_'.join(arguments).replace('--', '')}", outcome.render(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["headrace.yaml"]


@pytest.mark.parametrize("command", ["status", "down", "logs"])
def test_outside_of_a_project(command: str, tmp_path: Path) -> None:
    arguments = [command, "kafka"] if command == "logs" else [command]
    outcome = run_headrace(*arguments, folder=tmp_path)
    assert outcome.exit_code == 1
    assert "[declaration-missing]" in outcome.stderr


def test_down_and_logs_work_without_a_valid_declaration(project: ProjectFolder) -> None:
    (project.directory / "headrace.yaml").write_text("project: [")
    project.log("kafka").write_text("last words\n")
    assert run_headrace("down", folder=project.directory).exit_code == 0
    assert run_headrace("logs", "kafka", folder=project.directory).stdout == "last words\n"
    (project.directory / "headrace.yaml").unlink()
    assert run_headrace("logs", "kafka", folder=project.directory).exit_code == 0
    assert run_headrace("down", "--purge", "--yes", folder=project.directory).exit_code == 0
    assert not project.root.exists()


def test_purge_asks(project: ProjectFolder) -> None:
    outcome = run_headrace("down", "--purge", folder=project.directory)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "[not-confirmed]" in outcome.stderr
    assert project.root.exists()


def test_purge_refuses_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text("project: shop\ntables: [orders]\n")
    (tmp_path / ".headrace").mkdir()
    (tmp_path / ".headrace" / "mine").touch()
    outcome = run_headrace("down", "--purge", "--yes", folder=tmp_path)
    assert "[folder-not-ours]" in outcome.stderr
    assert (tmp_path / ".headrace" / "mine").exists()


def test_engine_that_ended_without_a_supervisor_counts_as_stopped(project: ProjectFolder) -> None:
    record = EngineRecord("kafka", EngineState.READY, NOW, GONE, NOW, log=project.log("kafka"))
    write_engines(project, EnginesFile(supervisor=GONE, supervisor_since=NOW, engines=(record,)))
    document = json.loads(run_headrace("status", "--json", folder=project.directory).stdout)
    assert (document["version"], document["ready"], document["supervisor"]["pid"]) == (1, False, None)
    [engine] = document["engines"]
    assert (engine["state"], engine["pid"]) == ("stopped", None)
    assert engine["reason"] == "it ended while there was no supervisor"


def test_logs_shows_the_last_lines_with_control_characters_made_visible(project: ProjectFolder) -> None:
    project.log("kafka").write_text("".join(f"line {n}\n" for n in range(100)) + "\tat \x1b[31mred\n")
    outcome = run_headrace("logs", "kafka", "-n", "2", folder=project.directory)
    assert outcome.stdout == "line 99\n    at \\x1b[31mred\n"
    document = json.loads(run_headrace("logs", "kafka", "-n", "1", "--json", folder=project.directory).stdout)
    assert document["lines"] == ["\tat \x1b[31mred"]
    outcome = run_headrace("logs", "kaffka", folder=project.directory)
    assert "there are logs of kafka" in outcome.stderr


def test_status_for_people() -> None:
    def engine(name: str, state: EngineState, **fields: object) -> EngineStatus:
        values: dict[str, object] = {
            "pid": None,
            "ports": {name: 20001},
            "uptime_s": None,
            "restarts": 0,
            "heap_mb": 0,
            "memory_bytes": None,
            "reason": None,
            "log": "x",
            **fields,
        }
        return EngineStatus(name=name, state=state, **values)  # type: ignore[arg-type]

    seen = ProjectStatus(
        directory="/project",
        supervisor_pid=4711,
        supervisor_memory_bytes=30_000_000,
        engines=(
            engine("postgres", EngineState.READY, pid=5, uptime_s=3.2, memory_bytes=25_000_000),
            engine("kafka", EngineState.READY, pid=6, uptime_s=93_784.0, restarts=2, heap_mb=512),
            engine("pinot", EngineState.FAILED, heap_mb=1536, reason="died 5 times within 300 s"),
        ),
        alerts=(
            StandingAlert(
                "engines",
                NOW,
                Alert("engine-failed", "pinot failed", Severity.CRITICAL, "headrace logs pinot"),
            ),
        ),
    )
    expect_snapshot("lifecycle_status", render(seen) + "\n")
    unsupervised = ProjectStatus("/project", None, None, seen.engines, ())
    assert "! no supervisor" in render(unsupervised)


def test_tables_and_slots_for_people_fit_a_pipe() -> None:
    now_ms = int(time.time() * 1000)
    tables = [
        TableStatus("orders", "public.orders", "1", "live", 0, 541_909, 591_909, now_ms - 3_100),
        TableStatus("by_status", "public.orders", "v2", "live", 12, 4, 9_120, now_ms - 93_784_000),
        TableStatus("empty", "public.empty", "1", "live", 0, 0, 0),
        TableStatus("orders", "public.orders", "3", "building", problem="it is not served yet"),
    ]
    slots = [
        SlotWal("headrace_shop_1", True, 17_200_000, 900, 4_294_967_296, "reserved"),
        SlotWal("headrace_shop_3", False, 5_100_000_000, 5_000_000_000, None, "extended"),
    ]
    shown = f"{render_tables(tables)}\n\n{render_slots(slots)}\n"
    assert max(len(line) for line in shown.splitlines()) <= 80
    expect_snapshot("lifecycle_tables_and_slots", shown)


def test_down_tells_and_purge_refuses_slots_left_on_somebody_elses_server(
    project: ProjectFolder, postgres_server: TemporaryPostgres
) -> None:
    postgres_server.recreate("shop_source")
    url = f"postgresql://tester@127.0.0.1:{postgres_server.port}/shop_source"
    (project.directory / "headrace.yaml").write_text(
        "project: shop\nsource:\n  url: env:SOURCE_URL\ntables: [orders]\n"
    )
    home = project.directory / "home"
    write_request(project, EngineRequest("shop", project.directory, home, "m:f", embedded_source=False))
    with postgres_server.connect("shop_source") as source:
        source.execute("SELECT pg_create_logical_replication_slot('headrace_shop_1', 'pgoutput')")
        try:
            outcome = run_headrace("down", folder=project.directory, SOURCE_URL=url)
            assert outcome.exit_code == 0
            assert "headrace_shop_1 on 127.0.0.1 keeps" in outcome.stderr
            told = json.loads(run_headrace("down", "--json", folder=project.directory, SOURCE_URL=url).stdout)
            [slot] = told["slots"]
            assert (slot["name"], slot["host"], slot["active"]) == ("headrace_shop_1", "127.0.0.1", False)
            assert slot["kept_bytes"] >= 0
            purge = ("down", "--purge", "--yes")
            outcome = run_headrace(*purge, folder=project.directory, SOURCE_URL=url)
            assert "[slots-left]" in outcome.stderr
            # Not known is not the same as none.
            assert "[source-not-asked]" in run_headrace(*purge, folder=project.directory).stderr
            assert project.root.exists()
        finally:
            _drop(source)
    assert run_headrace(*purge, folder=project.directory, SOURCE_URL=url).exit_code == 0
    assert not project.root.exists()


def _drop(source: psycopg.Connection) -> None:
    source.execute("SELECT pg_drop_replication_slot('headrace_shop_1')")
