"""Stopping engines by their records: the same code with a supervisor and without one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from headrace.engines.folder import ProjectFolder
from headrace.engines.process import ProcessIdentity, kill, marked, terminate
from headrace.engines.record import EngineRecord, EngineState, stop_order

SUPERVISOR = "supervisor"
"""The engine name in the mark of the supervisor itself and of what it runs besides engines."""

StateSink = Callable[[str, EngineState], None]


def stop_engines(records: Iterable[EngineRecord], tell: StateSink) -> tuple[ProcessIdentity, ...]:
    """Stop in reverse order of dependency, each with its own signal and patience; idempotent.

    What can be stopped together is. Returns what was left alive even so.
    """
    survivors: list[ProcessIdentity] = []
    for stage in stop_order(records):
        with ThreadPoolExecutor(max_workers=len(stage)) as pool:
            stops = [pool.submit(_stop, record, tell) for record in stage]
        for stop in stops:
            survivors.extend(stop.result())
    return tuple(survivors)


def remains(folder: ProjectFolder) -> tuple[ProcessIdentity, ...]:
    """Everything alive that was started for this project, apart from the caller, in no order."""
    own = ProcessIdentity.own()
    return tuple(process for process in marked(folder.directory) if process != own)


def clear_remains(folder: ProjectFolder) -> tuple[ProcessIdentity, ...]:
    """SIGKILL what is left of a project once its engines were stopped; what is alive even then."""
    return kill(remains(folder))


def _stop(record: EngineRecord, tell: StateSink) -> tuple[ProcessIdentity, ...]:
    if record.process is None or not record.process.alive():
        # A failed engine keeps its state: that is what the reader wants to know afterwards.
        if record.state is not EngineState.FAILED:
            tell(record.name, EngineState.STOPPED)
        return ()
    tell(record.name, EngineState.STOPPING)
    termination = terminate(
        record.process,
        stop_signal=signal.Signals(record.stop_signal),
        timeout_s=record.stop_timeout_s,
    )
    _collect(record.process.pid)
    tell(record.name, EngineState.STOPPED)
    return termination.survivors


def _collect(pid: int) -> None:
    """Let the kernel forget a child of ours; no effect on other processes."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
