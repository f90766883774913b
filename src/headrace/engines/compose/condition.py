"""How the containers of a project stand, in the words of the native `status`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from headrace.engines import ports, secret_files, stack
from headrace.engines.compose import containers, kafka_ui, site
from headrace.engines.compose.containers import Seen
from headrace.engines.compose.docker import Docker
from headrace.engines.compose.ready import waits_for
from headrace.engines.compose.roles import KAFKA_UI, ROLES
from headrace.engines.compose.site import Site
from headrace.engines.folder import ProjectFolder
from headrace.engines.process import ProcessIdentity, descendants
from headrace.engines.record import EngineState
from headrace.engines.request import read_request
from headrace.engines.status import EngineStatus, ProjectStatus, memory_bytes, read_status
from headrace.errors import HeadraceError

_STATES = {
    "created": EngineState.WAITING,
    "restarting": EngineState.BACKING_OFF,
    "removing": EngineState.STOPPING,
    "paused": EngineState.STOPPED,
}


def status(folder: ProjectFolder) -> ProjectStatus:
    """The project's containers as Docker knows them, and whether their engines answer.

    Raises:
        HeadraceError: those of `Docker`.
    """
    watching = read_status(folder)
    kept = site.read(folder)
    if kept is None:
        return watching
    seen = containers.own(containers.see(Docker.find(), kept.compose_project), kept.id)
    names = [*kept.engines, *((kafka_ui.SERVICE,) if kafka_ui.SERVICE in seen else ())]
    recorded = ports.read_ports(folder)
    heaps = {**stack.DEFAULT_HEAPS_MB, **_heaps(folder)}
    return ProjectStatus(
        directory=watching.directory,
        supervisor_pid=watching.supervisor_pid,
        supervisor_memory_bytes=watching.supervisor_memory_bytes,
        engines=tuple(_engine(name, seen.get(name), kept, folder, recorded, heaps) for name in names),
        alerts=watching.alerts,
    )


def _engine(
    name: str,
    seen: Seen | None,
    kept: Site,
    folder: ProjectFolder,
    recorded: Mapping[str, int],
    heaps: Mapping[str, int],
) -> EngineStatus:
    published = ROLES[name].published if name in ROLES else (KAFKA_UI,)
    known = {port: recorded[port] for port in published if port in recorded}
    state, reason = _state(name, seen, kept, folder, known)
    uptime_s = None
    if seen is not None and seen.runs and seen.started_at is not None:
        uptime_s = round((datetime.now(UTC) - seen.started_at).total_seconds(), 1)
    return EngineStatus(
        name=name,
        state=state,
        pid=seen.pid if seen is not None and seen.runs else None,
        ports=known,
        uptime_s=uptime_s,
        restarts=seen.restarts if seen is not None else 0,
        heap_mb=heaps.get(name, 0),
        memory_bytes=_memory(seen),
        reason=reason,
        log=f"docker logs {seen.id[:12]}" if seen is not None else "",
    )


def _state(
    name: str, seen: Seen | None, kept: Site, folder: ProjectFolder, known: Mapping[str, int]
) -> tuple[EngineState, str | None]:
    if seen is None:
        return EngineState.STOPPED, "it has no container"
    if not seen.runs:
        return _STATES.get(seen.state, EngineState.STOPPED), seen.ended
    if name not in ROLES:
        return EngineState.READY, None
    password = secret_files.embedded_password(folder) if name == "postgres" else ""
    reason = waits_for(name, known, kept.project, password)
    return (EngineState.READY if reason is None else EngineState.STARTING), reason


def _memory(seen: Seen | None) -> int | None:
    """Of a process on this machine that we may look at; Docker may run elsewhere."""
    process = ProcessIdentity.of(seen.pid) if seen is not None and seen.pid is not None else None
    return None if process is None else memory_bytes([process, *descendants(process)])


def _heaps(folder: ProjectFolder) -> Mapping[str, int]:
    try:
        return read_request(folder).heaps
    except HeadraceError:
        return {}
