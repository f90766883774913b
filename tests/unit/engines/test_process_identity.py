from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from headrace.engines.process import (
    Mark,
    ProcessIdentity,
    descendants,
    kill,
    leads_session,
    marked,
    spawn,
    terminate,
    wait_gone,
)
from headrace.errors import HeadraceError

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


class Spawner:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.children: list[subprocess.Popen[bytes]] = []

    def __call__(self, command: list[str], **settings: str) -> ProcessIdentity:
        child = spawn(
            command,
            log=self.directory / "engine.log",
            mark=Mark("engine", self.directory),
            environment={"OF_THE_ENGINE": "1"},
            directory=self.directory,
            **settings,
        )
        self.children.append(child)
        identity = ProcessIdentity.of(child.pid)
        assert identity is not None
        return identity

    def log(self) -> str:
        return (self.directory / "engine.log").read_text()


@pytest.fixture
def start(tmp_path: Path) -> Generator[Spawner]:
    spawner = Spawner(tmp_path)
    yield spawner
    kill(marked(tmp_path))
    for child in spawner.children:
        child.wait(10)


def test_a_process_knows_itself() -> None:
    own = ProcessIdentity.own()
    assert own.pid == os.getpid()
    assert own.alive()
    assert own == ProcessIdentity.of(os.getpid())


def test_same_pid_with_another_start_is_another_process(start: Spawner) -> None:
    process = start(SLEEP)
    successor = ProcessIdentity(process.pid, process.start_mark + "0")
    assert not successor.alive()
    assert not successor.send(signal.SIGKILL)
    assert kill([successor]) == ()
    assert terminate(successor, timeout_s=0.1).survivors == ()
    assert process.alive()


def test_a_zombie_does_not_live(start: Spawner) -> None:
    process = start([sys.executable, "-c", "pass"])
    assert wait_gone([process], 20) == ()
    assert ProcessIdentity.of(process.pid) == process  # not collected yet
    assert not process.alive()


def test_spawn_has_its_own_session_no_input_and_appends_to_the_log(start: Spawner) -> None:
    (start.directory / "engine.log").write_text("before\n")
    program = (
        "import os, sys\n"
        "print(os.getsid(0) == os.getpid(), sys.stdin.read() == '', os.environ['OF_THE_ENGINE'])"
    )
    wait_gone([start([sys.executable, "-c", program])], 20)
    assert start.log() == "before\nTrue True 1\n"
    # A log made by us is for our eyes only.
    (start.directory / "engine.log").unlink()
    wait_gone([start([sys.executable, "-c", "pass"])], 20)
    assert (start.directory / "engine.log").stat().st_mode & 0o777 == 0o600


def test_spawn_says_what_is_missing(start: Spawner) -> None:
    with pytest.raises(HeadraceError) as raised:
        start(["/no/such/engine"])
    assert raised.value.code == "engine-not-startable"
    with pytest.raises(HeadraceError) as raised:
        start(SLEEP, user="no-such-account")
    assert raised.value.code == "no-such-account"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_spawn_as_an_unprivileged_account_has_its_rights_only(start: Spawner) -> None:
    account = pwd.getpwnam("nobody")
    program = "/usr/bin/id"
    wait_gone([start([program, "-u"], user="nobody")], 20)
    wait_gone([start([program, "-G"], user="nobody")], 20)
    assert start.log().split() == [str(account.pw_uid), str(account.pw_gid)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_account_gets_nothing_of_our_environment(
    start: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "of-ours-alone")
    program = shutil.which("env")
    assert program is not None
    wait_gone([start([program], user="nobody")], 20)
    assert "OF_THE_ENGINE=1" in start.log()
    assert "of-ours-alone" not in start.log()
    wait_gone([start([program])], 20)
    assert "of-ours-alone" in start.log()


def test_marked_finds_what_we_started_and_what_that_started(start: Spawner, tmp_path: Path) -> None:
    leader = start(
        [sys.executable, "-c", f"import subprocess; subprocess.run({SLEEP!r}, start_new_session=True)"]
    )
    deadline = time.monotonic() + 20
    while len(marked(tmp_path)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    found = marked(tmp_path)
    assert len(found) == 2
    assert found[leader] == Mark("engine", tmp_path)
    assert leads_session(leader)
    assert marked(tmp_path / "elsewhere") == {}
    assert descendants(leader) == found.keys() - {leader}


def test_terminate_is_orderly_when_it_can_be(start: Spawner) -> None:
    process = start(SLEEP)
    assert terminate(process, timeout_s=10).orderly
    assert start.children[0].wait(10) == -signal.SIGTERM


def test_terminate_sends_the_signal_it_was_told(start: Spawner) -> None:
    process = start(SLEEP)
    assert terminate(process, stop_signal=signal.SIGQUIT, timeout_s=10).orderly
    assert start.children[0].wait(10) == -signal.SIGQUIT


def test_terminate_kills_the_deaf_with_all_their_children(start: Spawner, tmp_path: Path) -> None:
    program = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"for own_session in (True, False): subprocess.Popen({SLEEP!r}, start_new_session=own_session)\n"
        "print('deaf', flush=True); time.sleep(600)"
    )
    process = start([sys.executable, "-c", program])
    deadline = time.monotonic() + 20
    while "deaf" not in start.log() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(descendants(process)) == 2
    result = terminate(process, timeout_s=0.3)
    assert (result.orderly, result.survivors) == (False, ())
    assert marked(tmp_path) == {}


def test_terminate_clears_the_family_of_a_leader_that_is_gone(start: Spawner) -> None:
    leader, orphan = start(SLEEP), start(SLEEP)
    leader.send(signal.SIGKILL)
    assert wait_gone([leader], 20) == ()
    assert terminate(leader, family=[orphan], timeout_s=0.1).survivors == ()
    assert not orphan.alive()


def test_wait_gone_returns_what_is_left(start: Spawner) -> None:
    process = start(SLEEP)
    began = time.monotonic()
    assert wait_gone([process], 0.2) == (process,)
    assert 0.2 <= time.monotonic() - began < 5
