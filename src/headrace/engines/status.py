"""How the engines of a directory stand, read without asking any of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

from headrace.engines.folder import ProjectFolder
from headrace.engines.process import ProcessIdentity, descendants
from headrace.engines.record import EngineRecord, EnginesFile, EngineState, read_engines
from headrace.engines.watch_loop import StandingAlert, read_alerts
from headrace.errors import HeadraceError, Where

_RUNNING_STATES = frozenset({EngineState.STARTING, EngineState.READY, EngineState.STOPPING})


@dataclass(frozen=True)
class EngineStatus:
    """One engine now.

    Attributes:
        uptime_s: of the process; None when none runs.
        memory_bytes: proportional set size of the process and all below it; None where it cannot be read.
        reason: why it is in this state, if that needs saying.
    """

    name: str
    state: EngineState
    pid: int | None
    ports: dict[str, int]
    uptime_s: float | None
    restarts: int
    heap_mb: int
    memory_bytes: int | None
    reason: str | None
    log: str

    def as_dict(self) -> dict[str, object]:
        return dict(vars(self))


@dataclass(frozen=True)
class ProjectStatus:
    """All engines of a directory, and who looks after them.

    Attributes:
        supervisor_pid: None when there is none; engines may run all the same.
    """

    directory: str
    supervisor_pid: int | None
    supervisor_memory_bytes: int | None
    engines: tuple[EngineStatus, ...]
    alerts: tuple[StandingAlert, ...]

    @property
    def ready(self) -> bool:
        """Whether there are engines and all serve."""
        return bool(self.engines) and all(engine.state is EngineState.READY for engine in self.engines)

    @property
    def unsupervised(self) -> bool:
        """Whether engines run that nobody would start again."""
        return self.supervisor_pid is None and any(engine.pid is not None for engine in self.engines)

    @property
    def heap_mb(self) -> int:
        return sum(engine.heap_mb for engine in self.engines)

    @property
    def memory_bytes(self) -> int:
        """Of everything that could be read, the supervisor included."""
        parts = [self.supervisor_memory_bytes, *(engine.memory_bytes for engine in self.engines)]
        return sum(part for part in parts if part is not None)

    def as_dict(self) -> dict[str, object]:
        """The JSON form of `headrace status --json`."""
        return {
            "directory": self.directory,
            "ready": self.ready,
            "supervisor": {"pid": self.supervisor_pid, "memory_bytes": self.supervisor_memory_bytes},
            "engines": [engine.as_dict() for engine in self.engines],
            "heap_mb": self.heap_mb,
            "memory_bytes": self.memory_bytes,
            "alerts": [
                {"watcher": standing.watcher, "since": standing.since, **vars(standing.alert)}
                for standing in self.alerts
            ],
        }


def read_status(folder: ProjectFolder) -> ProjectStatus:
    """The state on record, checked against the processes that are really there; starts and asks nothing."""
    seen = read_engines(folder)
    supervisor = seen.supervisor if seen.supervised() else None
    return ProjectStatus(
        directory=str(folder.directory),
        supervisor_pid=supervisor.pid if supervisor else None,
        supervisor_memory_bytes=memory_bytes([supervisor]) if supervisor else None,
        engines=tuple(_status(record, seen) for record in seen.engines),
        alerts=read_alerts(folder) if supervisor else (),
    )


def require_running(running: Mapping[str, bool], folder: ProjectFolder, *, all_of_them: bool) -> None:
    """Refuse work that nobody could do.

    Args:
        running: of each engine whether it runs.
        all_of_them: the work needs every one; otherwise that there are any.

    Raises:
        HeadraceError: `engines-not-running`.
    """
    missing = [name for name, runs in running.items() if not runs]
    some = len(missing) < len(running)
    if some and not (all_of_them and missing):
        return
    raise HeadraceError(
        "engines-not-running",
        f"not running: {', '.join(missing)}" if some else "the engines do not run",
        hint="run `headrace up`",
        where=Where(file=str(folder.directory)),
    )


def _status(record: EngineRecord, seen: EnginesFile) -> EngineStatus:
    process = record.process if record.runs() else None
    state, reason = record.state, record.reason
    if process is None and not seen.supervised() and state not in (EngineState.FAILED, EngineState.STOPPED):
        state, reason = EngineState.STOPPED, "it ended while there was no supervisor"
    elif process is None and state in _RUNNING_STATES:
        reason = "it has just ended"
    uptime_s = None
    if process is not None and record.started_at is not None:
        uptime_s = round((datetime.now(UTC) - record.started_at).total_seconds(), 1)
    return EngineStatus(
        name=record.name,
        state=state,
        pid=process.pid if process else None,
        ports=record.ports,
        uptime_s=uptime_s,
        restarts=record.restarts,
        heap_mb=record.heap_mb,
        memory_bytes=memory_bytes([process, *descendants(process)]) if process else None,
        reason=reason,
        log=str(record.log),
    )


def memory_bytes(processes: list[ProcessIdentity]) -> int | None:
    total: int | None = None
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError, AttributeError):
            total = (total or 0) + int(psutil.Process(process.pid).memory_full_info().pss)
    return total
