"""What a new supervisor does with engines that an earlier one left running."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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


def adopt(folder: ProjectFolder, services: Sequence[Service]) -> list[EngineRecord]:
    """Records to begin with: live engines are taken over, live ones that are not wanted any more stopped."""
    before = {record.name: record for record in read_engines(folder).engines}
    alive = live_engines(folder)
    for name in alive.keys() - {service.name for service in services}:
        _log.info("stopping an engine that is not wanted any more", engine=name)
        terminate(alive.pop(name))
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
