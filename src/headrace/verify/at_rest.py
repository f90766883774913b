"""Engines at rest: the work one measurement leaves behind must not weigh on the next."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from headrace.engines.folder import ProjectFolder
from headrace.engines.process import descendants
from headrace.engines.record import read_engines

BUSY_CORES = 0.3
"""All engines together; they are never quite idle."""

_LOOK_S = 2.0


def await_rest(directory: Path, timeout_s: float = 120.0) -> bool:
    """Wait until the engines of a folder take next to no processor: a segment that is built, a checkpoint.

    Returns:
        False when they were still at work at the end of the time.
    """
    engines = read_engines(ProjectFolder.of(directory)).engines
    running = [record.process for record in engines if record.process]
    pids = [one.pid for process in running for one in (process, *descendants(process))]
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        before = _cpu_s(pids)
        time.sleep(_LOOK_S)
        if (_cpu_s(pids) - before) / _LOOK_S < BUSY_CORES:
            return True
    return False


def _cpu_s(pids: list[int]) -> float:
    total_s = 0.0
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        total_s += times.user + times.system
    return total_s
