"""What the supervisor promises, on real processes: nothing lost, nothing doubled, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.engines.lifecycle import EnginesSeen, Event, Note
from headrace.engines.process import MARK_VARIABLE, Mark, ProcessIdentity, marked, spawn, wait_gone
from headrace.engines.record import EngineState, read_engines
from headrace.engines.request import RestartPolicy
from headrace.engines.starting import start
from headrace.engines.status import read_status
from headrace.engines.watch_loop import read_alerts, read_alerts_file
from headrace.errors import HeadraceError
from headrace.observe.told import not_looked_at
from tests.integration.lifecycle.small_project import SmallProject, eventually

THREE = {
    "store": {"arguments": ["--delay-s", "0.3", "--children", "2"]},
    "log": {"depends_on": ["store"], "arguments": ["--delay-s", "0.3"]},
    "answer": {"depends_on": ["store"], "arguments": ["--delay-s", "0.3"]},
}


def _up_in_its_own_process(project: SmallProject) -> subprocess.Popen[bytes]:
    program = (
        "from tests.integration.lifecycle.small_project import SmallProject; from pathlib import Path\n"
        "import sys\n"
        "SmallProject(Path(sys.argv[1])).up()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(project.directory)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_starts_in_order_of_dependency_and_stops_in_reverse(project: SmallProject) -> None:
    project.describe(**THREE)
    project.up()
    assert project.events("serving")[0] == "store"
    assert set(project.events("serving")) == {"store", "log", "answer"}
    assert project.down().engines == ("answer", "log", "store")
    assert project.events("stopping")[-1] == "store"
    assert project.alive() == []
    assert {record.state for record in read_engines(project.folder).engines} == {EngineState.STOPPED}


def test_what_waits_for_nobody_starts_at_once(project: SmallProject) -> None:
    slow = {"arguments": ["--delay-s", "3"]}
    project.describe(one=slow, two=slow)
    project.up()
    lines = [line.split() for line in (project.directory / "events.log").read_text().splitlines()]
    assert [what for _, _, what, _ in lines] == ["started", "started", "serving", "serving"]


def test_nothing_is_started_on_a_full_disk(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.describe(**THREE)
    usage = shutil.disk_usage(project.directory)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 * 1024**2))
    with pytest.raises(HeadraceError) as caught:
        project.up()
    assert (caught.value.code, caught.value.hint) == ("disk-full", "free some space")
    assert "only 10 MB are free" in caught.value.summary
    assert project.alive() == []


def test_second_up_does_nothing(project: SmallProject) -> None:
    project.describe(**THREE)
    first = project.up()
    before = [project.process(name) for name in THREE], project.supervisor()
    assert project.up() == first
    assert ([project.process(name) for name in THREE], project.supervisor()) == before
    assert len(project.events("started")) == 3


def test_an_optional_engine_joins_those_that_run(project: SmallProject) -> None:
    project.describe(**THREE)
    first = project.up()
    before = [project.process(name) for name in THREE]
    project.describe(**THREE, extra={"depends_on": ["store"]})

    second = project.up([], "extra")

    assert project.is_ready("extra")
    assert [project.process(name) for name in THREE] == before
    assert len(project.events("started")) == 4
    assert second.ports.items() >= first.ports.items()
    # One that is not asked for any more goes on until `down`: what it holds may have to be cleared away.
    assert project.up().optional == ("extra",)
    assert project.is_ready("extra")
    assert project.down().engines == ("answer", "extra", "log", "store")


def test_engines_keep_their_supervisor_when_more_cannot_be_started(project: SmallProject) -> None:
    project.describe(**THREE)
    project.up()
    supervisor = project.supervisor()
    project.describe(**THREE, extra={}, broken={})
    with pytest.raises(HeadraceError) as raised:
        project.up([], "extra")
    assert raised.value.code == "engines-not-installed"
    assert project.supervisor() == supervisor
    assert supervisor.alive()
    assert all(project.is_ready(name) for name in THREE)


def test_adopted_engines_keep_the_ports_they_listen_on(project: SmallProject) -> None:
    project.describe(**THREE)
    ports = project.up().ports
    before = [project.process(name) for name in THREE]
    project.supervisor().send(signal.SIGKILL)
    eventually(lambda: not project.supervisor().alive())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
    start(project.request(), list(THREE), fixed_ports={"store": other})
    assert project.record("store").ports == {"store": ports["store"]}
    assert [project.process(name) for name in THREE] == before


def test_engine_killed_is_started_again_and_its_children_are_cleared_away(project: SmallProject) -> None:
    project.describe(**THREE)
    project.up()
    old = project.process("store")
    children = eventually(
        lambda: [p for p, mark in marked(project.directory).items() if mark.engine == "store" and p != old]
    )
    assert len(children) == 2
    others = project.process("log"), project.process("answer")
    old.send(signal.SIGKILL)
    eventually(lambda: project.is_ready("store") and project.process("store") != old)
    assert not any(child.alive() for child in children)
    assert project.record("store").restarts == 1
    assert (project.process("log"), project.process("answer")) == others


def test_supervisor_killed_engines_live_on_and_the_next_one_adopts_them(project: SmallProject) -> None:
    project.describe(**THREE)
    project.up()
    processes = {name: project.process(name) for name in THREE}
    old = project.supervisor()
    old.send(signal.SIGKILL)
    eventually(lambda: not old.alive())
    time.sleep(0.5)
    assert all(process.alive() for process in processes.values())
    assert read_status(project.folder).unsupervised
    events: list[Event] = []
    project.up(events)
    assert project.supervisor() != old
    assert {name: project.process(name) for name in THREE} == processes
    assert all(project.record(name).adopted for name in THREE)
    assert any(isinstance(event, Note) and "taking over" in event.text for event in events)
    # An adopted engine is kept running as well as one of its own.
    processes["log"].send(signal.SIGKILL)
    eventually(lambda: project.is_ready("log") and project.process("log") != processes["log"])


def test_engine_of_a_killed_supervisor_that_wrote_nothing_down_is_adopted(project: SmallProject) -> None:
    project.describe(store={})
    project.up()
    process = project.process("store")
    supervisor = project.supervisor()
    supervisor.send(signal.SIGKILL)
    eventually(lambda: not supervisor.alive())
    project.folder.engines_file.unlink()
    project.up()
    assert project.process("store") == process


def test_engine_that_died_without_supervisor_is_started_by_the_next_up(project: SmallProject) -> None:
    project.describe(**THREE)
    project.up()
    processes = {name: project.process(name) for name in THREE}
    for victim in (project.supervisor(), processes["log"]):
        victim.send(signal.SIGKILL)
        eventually(lambda victim=victim: not victim.alive())
    project.up()
    assert project.process("log") != processes["log"]
    assert project.process("store") == processes["store"]


def test_down_without_supervisor_stops_in_order(project: SmallProject) -> None:
    project.describe(**THREE)
    project.up()
    supervisor = project.supervisor()
    supervisor.send(signal.SIGKILL)
    eventually(lambda: not supervisor.alive())
    project.down()
    assert project.events("stopping")[-1] == "store"
    assert project.alive() == []


def test_crash_loop_ends_in_failed_with_reason_and_last_lines(project: SmallProject) -> None:
    project.describe(store={}, log={"arguments": ["--exit-after-s", "0.05"], "depends_on": ["store"]})
    with pytest.raises(HeadraceError) as raised:
        project.up()
    assert raised.value.code == "engine-failed"
    assert raised.value.cause is not None
    assert "ended with status 7" in raised.value.cause
    assert "cannot go on: the configuration is wrong" in raised.value.cause
    assert project.events("started").count("log") == project.policy.deaths
    # Nothing half-started stays, but the reason does.
    assert project.alive() == []
    assert project.record("log").state is EngineState.FAILED
    project.describe(store={}, log={"depends_on": ["store"]})
    project.up()
    assert project.is_ready("log")


def test_crash_loop_of_a_running_project_is_told_and_up_tries_again(project: SmallProject) -> None:
    project.describe(store={}, log={"depends_on": ["store"]})
    project.up()
    killed: set[ProcessIdentity] = set()
    for _ in range(project.policy.deaths):
        # Between two there is only a moment without one: the next is told by being another process.
        eventually(lambda: (log := project.record("log")).runs() and log.process not in killed)
        killed.add(project.process("log"))
        project.process("log").send(signal.SIGKILL)
    eventually(lambda: project.record("log").state is EngineState.FAILED)
    assert project.is_ready("store")
    eventually(lambda: "engine-failed" in {standing.alert.code for standing in read_alerts(project.folder)})
    assert project.record("log").reason
    project.up()
    assert project.is_ready("log")
    eventually(lambda: not read_alerts(project.folder))


def test_engine_that_never_gets_ready_fails_with_the_condition(project: SmallProject) -> None:
    project.policy = type(project.policy)(deaths=1)
    project.describe(store={"arguments": ["--delay-s", "60"], "start_timeout_s": 0.7})
    with pytest.raises(HeadraceError, match="store does not run") as raised:
        project.up()
    assert raised.value.cause is not None
    assert "waited for: something listens on" in raised.value.cause
    assert project.alive() == []


def test_starts_that_take_too_long_end_in_failed_however_seldom(project: SmallProject) -> None:
    """Each takes longer than the deaths are remembered."""
    project.policy = RestartPolicy(deaths=5, window_s=0.5, first_delay_s=0.1, late_starts=3)
    project.describe(store={"arguments": ["--delay-s", "60"], "start_timeout_s": 0.7})
    with pytest.raises(HeadraceError, match="store does not run") as raised:
        project.up()
    assert "3 starts took too long" in (raised.value.cause or "")
    assert project.alive() == []


def test_engine_deaf_to_sigterm_is_killed_after_its_patience(project: SmallProject) -> None:
    project.describe(store={"arguments": ["--ignore-sigterm"], "stop_timeout_s": 0.5})
    project.up()
    began = time.monotonic()
    project.down()
    assert time.monotonic() - began < 10
    assert project.alive() == []


def test_two_projects_side_by_side(make_project: Callable[[str], SmallProject]) -> None:
    one, two = make_project("one"), make_project("two")
    for small in (one, two):
        small.describe(**THREE)
    threads = [threading.Thread(target=small.up) for small in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(small.is_ready(name) for small in (one, two) for name in THREE)
    ports = [json.loads(small.folder.ports_file.read_text()).values() for small in (one, two)]
    assert not set(ports[0]) & set(ports[1])
    one.down(purge=True)
    assert one.alive() == []
    assert all(two.is_ready(name) for name in THREE)


def test_ctrl_c_during_up_leaves_nothing(project: SmallProject) -> None:
    project.describe(store={}, log={"depends_on": ["store"], "arguments": ["--delay-s", "30"]})
    for moment_s in (0.0, 0.25, 0.5, 1.0, 2.5):
        caller = _up_in_its_own_process(project)
        eventually(lambda: project.folder.request_file.exists())
        time.sleep(moment_s)
        # To the whole foreground group, as a terminal does it.
        os.killpg(caller.pid, signal.SIGINT)
        _, errors = caller.communicate(timeout=60)
        assert b"KeyboardInterrupt" in errors
        assert project.alive() == [], f"after {moment_s} s"
        project.folder.request_file.unlink()


def test_ctrl_c_of_an_up_that_only_attached_leaves_the_engines(project: SmallProject) -> None:
    project.describe(store={})
    project.up()
    process = project.process("store")

    def interrupt(event: Event) -> None:
        if isinstance(event, EnginesSeen):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(project.request(), ["store"], progress=interrupt)
    assert process.alive()
    assert project.supervisor().alive()


def test_up_killed_halfway_is_taken_up_by_the_next_up_or_down(project: SmallProject) -> None:
    project.describe(store={}, log={"depends_on": ["store"], "arguments": ["--delay-s", "1"]})
    caller = _up_in_its_own_process(project)
    eventually(lambda: project.folder.engines_file.exists() and project.record("store").runs())
    caller.kill()
    caller.communicate(timeout=30)
    store = project.process("store")
    project.up()
    assert project.process("store") == store
    assert project.is_ready("log")
    project.down()
    assert project.alive() == []


def test_second_supervisor_is_refused(project: SmallProject) -> None:
    project.describe(store={})
    project.up()
    second = subprocess.run(
        [sys.executable, "-m", "headrace.engines.supervisor", str(project.directory), "--foreground"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 3
    assert "another supervisor" in second.stderr
    assert project.is_ready("store")


def test_definitions_that_fail_are_told_before_anything_is_started(project: SmallProject) -> None:
    project.describe(broken={})
    with pytest.raises(HeadraceError) as raised:
        project.up()
    assert raised.value.code == "engines-not-installed"
    assert project.alive() == []


def test_recorded_port_taken_while_nothing_runs_is_picked_again(project: SmallProject) -> None:
    project.describe(**THREE)
    before = project.up().ports
    project.down()
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", before["log"]))
        foreign.listen()
        events: list[Event] = []
        after = project.up(events).ports
    assert after["log"] != before["log"]
    assert {name: after[name] for name in ("store", "answer")} == {
        name: before[name] for name in ("store", "answer")
    }
    said = [event.text for event in events if isinstance(event, Note)]
    assert any(f"pid {os.getpid()}" in text and str(before["log"]) in text for text in said)


def test_recorded_port_taken_while_others_run_is_an_error_that_names_the_holder(
    project: SmallProject,
) -> None:
    project.describe(**THREE)
    port = project.up().ports["log"]
    for victim in (project.supervisor(), project.process("log")):
        victim.send(signal.SIGKILL)
        eventually(lambda victim=victim: not victim.alive())
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", port))
        foreign.listen()
        with pytest.raises(HeadraceError) as raised:
            project.up()
    assert raised.value.code == "port-taken"
    assert f"pid {os.getpid()}" in raised.value.summary
    assert project.process("store").alive()


def test_purge_removes_only_what_headrace_made(project: SmallProject) -> None:
    project.describe(store={})
    project.folder.root.mkdir()
    (project.folder.root / "precious").write_text("mine")
    for action in (project.up, lambda: project.down(purge=True)):
        with pytest.raises(HeadraceError) as raised:
            action()
        assert raised.value.code == "folder-not-ours"
    (project.folder.root / "precious").unlink()
    project.up()
    assert project.down(purge=True).purged
    assert not project.folder.root.exists()
    assert not project.down(purge=True).purged


def test_foreign_process_that_took_the_pid_is_neither_adopted_nor_stopped(project: SmallProject) -> None:
    project.describe(store={})
    project.up()
    supervisor, store = project.supervisor(), project.process("store")
    for victim in (supervisor, store):
        victim.send(signal.SIGKILL)
        eventually(lambda victim=victim: not victim.alive())
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as foreign:
        try:
            text = project.folder.engines_file.read_text()
            project.folder.engines_file.write_text(text.replace(str(store.pid), str(foreign.pid)))
            assert read_status(project.folder).engines[0].pid is None
            project.down()
            project.up()
            assert project.process("store").pid != foreign.pid
            project.down()
            assert foreign.poll() is None
        finally:
            foreign.kill()


def told(project: SmallProject) -> set[str]:
    return {one.alert.code for one in read_alerts(project.folder)}


def test_watchers_raise_and_settle_alerts_and_cannot_kill_the_supervisor(project: SmallProject) -> None:
    project.describe(store={})
    project.up()
    flag, trouble = project.directory / "flag", project.directory / "raise"
    flag.touch()
    [standing] = eventually(lambda: read_alerts(project.folder))
    assert (standing.watcher, standing.alert.code, standing.alert.hint) == ("flag", "flag-there", "remove it")
    time.sleep(0.5)
    assert read_alerts(project.folder)[0].since == standing.since
    assert "flag" in read_alerts_file(project.folder).looked
    trouble.touch()
    eventually(lambda: "flag" not in read_alerts_file(project.folder).looked)
    assert told(project) == {"flag-there", "watcher-failed"}, "that nobody can look settles nothing"
    project.supervisor().send(signal.SIGKILL)
    eventually(lambda: not read_engines(project.folder).supervised())
    assert "no supervisor" in (not_looked_at(project.directory) or "")
    project.up()
    eventually(lambda: told(project) == {"flag-there", "watcher-failed"})
    assert standing in read_alerts(project.folder), "told since before the new supervisor"
    assert "the source's catalogue" in (not_looked_at(project.directory) or "")
    for file in (flag, trouble):
        file.unlink()
    eventually(lambda: not read_alerts(project.folder))
    assert "flag" in read_alerts_file(project.folder).looked
    assert project.supervisor().alive()
    assert "secret value" not in project.folder.log("supervisor").read_text()


def test_engine_that_runs_but_does_not_answer_is_told(project: SmallProject) -> None:
    project.describe(store={})
    project.up()
    process = project.process("store")
    process.send(signal.SIGSTOP)
    # A stopped server's kernel still accepts connections until the backlog is full.
    clients = [socket.socket() for _ in range(40)]
    try:
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", next(iter(project.record("store").ports.values()))))
        eventually(
            lambda: "engine-not-answering" in {one.alert.code for one in read_alerts(project.folder)}, 60.0
        )
    finally:
        for client in clients:
            client.close()
        process.send(signal.SIGCONT)
    eventually(lambda: not read_alerts(project.folder))


def test_two_ups_at_once_are_one_up_and_one_clear_error(project: SmallProject) -> None:
    project.describe(store={"arguments": ["--delay-s", "2"]})
    thread = threading.Thread(target=project.up)
    thread.start()
    eventually(lambda: project.folder.request_file.exists())
    with pytest.raises(HeadraceError) as raised:
        project.down()
    assert raised.value.code == "project-busy"
    thread.join()
    assert project.is_ready("store")


def test_engine_not_declared_any_more_is_stopped_by_the_next_supervisor(project: SmallProject) -> None:
    project.describe(store={}, extra={})
    project.up()
    extra, supervisor = project.process("extra"), project.supervisor()
    supervisor.send(signal.SIGKILL)
    eventually(lambda: not supervisor.alive())
    project.describe(store={})
    project.up()
    eventually(lambda: not extra.alive())


def test_process_marked_for_another_directory_is_left_alone(project: SmallProject, tmp_path: Path) -> None:
    project.describe(store={})
    project.up()
    neighbour = spawn(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        log=tmp_path / "neighbour.log",
        mark=Mark("store", tmp_path / "elsewhere"),
        environment={},
        directory=tmp_path,
    )
    try:
        identity = ProcessIdentity.of(neighbour.pid)
        assert identity is not None
        project.down(purge=True)
        assert identity.alive()
    finally:
        neighbour.kill()
        neighbour.wait()
    assert MARK_VARIABLE not in os.environ


def test_ctrl_c_during_a_long_preparation_leaves_nothing(project: SmallProject) -> None:
    project.describe(store={"prepare_s": 4.0})
    interrupted: list[Event] = []

    def interrupt(event: Event) -> None:
        preparing = isinstance(event, EnginesSeen) and event.engines[0].state is EngineState.PREPARING
        if preparing and not interrupted:
            interrupted.append(event)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(project.request(), ["store"], progress=interrupt)
    assert project.alive() == []
    assert not (project.directory / "events.log").exists()


def test_second_ctrl_c_leaves_a_stop_that_goes_on_and_the_next_up_waits_for_it(project: SmallProject) -> None:
    project.describe(store={"arguments": ["--ignore-sigterm"], "stop_timeout_s": 3.0})

    def interrupt(event: Event) -> None:
        if isinstance(event, EnginesSeen) and any(record.runs() for record in event.engines):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(project.request(), ["store"], progress=interrupt)
    first = project.supervisor()
    project.up()
    # It has let go of the project; its process may take a moment to end.
    assert wait_gone([first], 30.0) == ()
    assert project.is_ready("store")
