"""What a new supervisor does with engines that an earlier one left running."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from headrace.engines.folder import ProjectFolder
from headrace.engines.process import ProcessIdentity, leads_session, marked, terminate
from headrace.engines.record import EngineRecord, EngineState, read_engines
from headrace.engines.service import Service
from headrace.engines.stopping import SUPERVISOR

_log = structlog.stdlib.get_logger("adoption")


def live_engines(folder: ProjectFolder) -> dict[str, ProcessIdentity]:
    """The engines of this directory that are alive, whether their pid was written down or not."""
    alive = {
        record.name: record.process
        for record in read_engines(folder).engines
        if record.process is not None and record.process.alive()
    }
    for process, mark in marked(folder.directory).items():
        if mark.engine not in alive and mark.engine != SUPERVISOR and leads_session(process):
            # Started by a supervisor that was killed before it could write the pid down.
            alive[mark.engine] = process
    return alive


@dataclass(frozen=True)
class Unwanted:
    """A live engine that belongs to the project no more, and how it is asked to stop."""

    name: str
    process: ProcessIdentity
    stop_signal: signal.Signals
    stop_timeout_s: float

    def stop(self) -> None:
        _log.info("stopping an engine that is not wanted any more", engine=self.name)
        terminate(self.process, stop_signal=self.stop_signal, timeout_s=self.stop_timeout_s)


def unwanted(folder: ProjectFolder, services: Sequence[Service]) -> list[Unwanted]:
    """The live engines that are not among the services."""
    before = {record.name: record for record in read_engines(folder).engines}
    found: list[Unwanted] = []
    for name, process in live_engines(folder).items():
        if name in {service.name for service in services}:
            continue
        record = before.get(name)
        if record is None:  # its supervisor was killed before it could write anything down
            found.append(Unwanted(name, process, signal.SIGTERM, 20.0))
        else:
            found.append(Unwanted(name, process, signal.Signals(record.stop_signal), record.stop_timeout_s))
    return found


def adopt(folder: ProjectFolder, services: Sequence[Service]) -> list[EngineRecord]:
    """Records to begin with: of the services, those that are alive are taken over."""
    before = {record.name: record for record in read_engines(folder).engines}
    alive = live_engines(folder)
    now = datetime.now(UTC)
    records: list[EngineRecord] = []
    for service in services:
        record = EngineRecord.of(service, now)
        process = alive.get(service.name)
        if process is not None:
            old = before.get(service.name, record)
            record = dataclasses.replace(
                record,
                state=EngineState.STARTING,
                process=process,
                started_at=old.started_at or now,
                restarts=old.restarts,
                adopted=True,
                # Those it was started with.
                ports=old.ports,
                heap_mb=old.heap_mb,
            )
            _log.info("adopted", engine=service.name, pid=process.pid)
        records.append(record)
    return records
