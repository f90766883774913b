"""What is written down about running engines, so that anybody can read it without asking the supervisor.

The file is also what the next supervisor, or `down` without one, goes by: it holds all it takes to show an
engine and to stop it in order, without its definition.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.engines.process import ProcessIdentity
from headrace.engines.service import Service


class EngineState(StrEnum):
    """Where an engine stands between `up` and `down`."""

    WAITING = "waiting"
    """for the engines it depends on"""
    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing-off"
    """it died and is started again after a delay"""
    FAILED = "failed"
    """it died too often; `headrace up` tries again"""
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class EngineRecord:
    """One engine as last seen by its supervisor.

    Attributes:
        process: None when none runs.
        since: when the state was entered (UTC).
        started_at: when the process was started (UTC).
        restarts: how often it was started again after it died.
        reason: what is waited for, or why it died; of the past when the state is `ready`.
        adopted: it was found running by the present supervisor.
    """

    name: str
    state: EngineState
    since: datetime
    process: ProcessIdentity | None = None
    started_at: datetime | None = None
    restarts: int = 0
    reason: str | None = None
    adopted: bool = False
    depends_on: tuple[str, ...] = ()
    ports: dict[str, int] = field(default_factory=dict[str, int])
    log: Path = Path()
    heap_mb: int = 0
    stop_signal: int = signal.SIGTERM
    stop_timeout_s: float = 20.0

    @classmethod
    def of(cls, service: Service, since: datetime) -> EngineRecord:
        """The record of an engine nothing has been done for yet."""
        return cls(
            name=service.name,
            state=EngineState.WAITING,
            since=since,
            depends_on=service.depends_on,
            ports=dict(service.ports),
            log=service.log,
            heap_mb=service.heap_mb,
            stop_signal=int(service.stop_signal),
            stop_timeout_s=service.stop_timeout_s,
        )

    def runs(self) -> bool:
        """Whether its process is alive at this moment."""
        return self.process is not None and self.process.alive()


@dataclass(frozen=True)
class SupervisorError:
    """Why a supervisor could not begin its work; the fields are those of `HeadraceError`."""

    code: str
    summary: str
    cause: str | None = None
    hint: str | None = None


@dataclass(frozen=True)
class EnginesFile:
    """The content of `run/engines.json`.

    Attributes:
        directory: of the project it was written for.
        stopping: the supervisor is about to stop everything and to end.
    """

    version: int = 1
    directory: Path | None = None
    supervisor: ProcessIdentity | None = None
    supervisor_since: datetime | None = None
    stopping: bool = False
    error: SupervisorError | None = None
    engines: tuple[EngineRecord, ...] = ()

    def supervised(self) -> bool:
        """Whether the supervisor that wrote it is alive."""
        return self.supervisor is not None and self.supervisor.alive()


_FILE = TypeAdapter(EnginesFile)


def read_engines(folder: ProjectFolder) -> EnginesFile:
    """What was written last; empty when there is nothing, or nothing that can be understood.

    In a copy of a project's folder the processes are those of the original: none of them is told.
    """
    try:
        found = _FILE.validate_json(folder.engines_file.read_bytes())
    except (OSError, ValidationError):
        return EnginesFile()
    if found.directory in (None, folder.directory) or not ProjectFolder.of(found.directory).root.exists():
        return found
    return EnginesFile(engines=tuple(replace(engine, process=None) for engine in found.engines))


def write_engines(folder: ProjectFolder, content: EnginesFile) -> None:
    """Replace the file at once."""
    content = replace(content, directory=folder.directory)
    write_atomically(folder.engines_file, _FILE.dump_json(content, indent=1).decode())


def stop_order(records: Iterable[EngineRecord]) -> list[list[EngineRecord]]:
    """Stages of records that may be stopped together: nobody before all that depend on it have stopped."""
    left = {record.name: record for record in records}
    stages: list[list[EngineRecord]] = []
    while left:
        needed = {name for record in left.values() for name in record.depends_on if name != record.name}
        # A circle cannot be ordered; stopping all of it together is better than not stopping.
        stage = [record for name, record in left.items() if name not in needed] or list(left.values())
        stages.append(stage)
        for record in stage:
            del left[record.name]
    return stages
