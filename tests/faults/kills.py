"""Kills engines without warning, by the pids on record, and waits until they serve again."""

from __future__ import annotations

import signal
import time

import pytest

from headrace.apply.project import Project
from headrace.engines import runtime
from headrace.engines.process import ProcessIdentity, wait_gone
from headrace.engines.record import EngineState

KILLED = ("pinot", "kafka", "zookeeper", "connect", "postgres", "supervisor")
BACK_WITHIN_S = 240.0
GONE_WITHIN_S = 20.0


def pid_of(project: Project, engine: str) -> int | None:
    """The engine's pid on record; `supervisor` is known too."""
    status = runtime.status(project.directory)
    if engine == "supervisor":
        return status.supervisor_pid
    return next(found.pid for found in status.engines if found.name == engine)


def kill(project: Project, engine: str) -> int:
    """kill -9; the pid killed, once it has gone: `up` would take a dying supervisor for a live one."""
    pid = pid_of(project, engine)
    assert pid is not None, f"{engine} does not run"
    process = ProcessIdentity.of(pid)
    assert process is not None, f"{engine} has gone by itself"
    process.send(signal.SIGKILL)
    assert wait_gone([process], GONE_WITHIN_S) == ()
    return pid


def wait_until_back(project: Project, engine: str, killed: int) -> float:
    """Seconds until another process of the engine is ready.

    `up` starts the supervisor again, and an engine that was killed so often that the stop rule holds.
    """
    began = time.monotonic()
    if engine == "supervisor":
        runtime.up(project.declaration, project.directory)
    while time.monotonic() - began < BACK_WITHIN_S:
        status = runtime.status(project.directory)
        if engine == "supervisor" and status.supervisor_pid not in (None, killed) and status.ready:
            return time.monotonic() - began
        for found in status.engines:
            if found.name == engine and found.state is EngineState.FAILED:
                runtime.up(project.declaration, project.directory)
            if found.name == engine and found.pid not in (None, killed) and found.state is EngineState.READY:
                return time.monotonic() - began
        time.sleep(0.1)
    pytest.fail(f"{engine} did not come back within {BACK_WITHIN_S:.0f} s")
