"""`up`, `down` and `status` of a project whose engines run in containers; as `runtime` has them natively."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from headrace.endpoints import Endpoints, SourceAddress
from headrace.engines import ports, secret_files, stop_project, target
from headrace.engines.compose import addresses, containers, env_file, kafka_ui, site
from headrace.engines.compose.definitions import definition
from headrace.engines.compose.docker import Docker
from headrace.engines.compose.preparation import (
    Wanted,
    check_memory,
    ensure_image,
    has_kafka_ui,
    image_name,
    site_of,
    write_files,
)
from headrace.engines.compose.roles import ROLES
from headrace.engines.compose.site import Site
from headrace.engines.compose.waiting import wait_ready
from headrace.engines.folder import ProjectFolder
from headrace.engines.lifecycle import Note, Progress, alone, silent
from headrace.engines.record import EngineRecord, stop_order
from headrace.engines.request import EngineRequest
from headrace.engines.service import Service
from headrace.engines.starting import watch_only
from headrace.engines.status import require_running
from headrace.engines.stop_project import Stopped
from headrace.errors import HeadraceError

_STOP_MARGIN_S = 5.0


def up(wanted: Wanted, progress: Progress) -> Endpoints:
    """Bring the engines to ready in containers, as `starting.start` promises it of processes.

    Raises:
        HeadraceError: those of `Docker`, of `preparation` and of `wait_ready`; `project-busy`.
    """
    request = wanted.request
    folder = ProjectFolder.of(request.directory)
    docker = Docker.find()
    folder.create(request.project)
    with alone(folder):
        target.record(folder, target.Target.COMPOSE)
        kept, seen = site_of(folder, docker, wanted)
        check_memory(docker, wanted)
        tag = ensure_image(docker, request.home, progress)
        kept = dataclasses.replace(
            kept,
            engines=wanted.engines,
            embedded_source=request.embedded_source,
            kafka_ui=has_kafka_ui(docker, progress),
        )
        chosen = write_files(folder, kept, wanted, tag, seen)
        ran_before = any(one.runs for one in seen.values())
        try:
            containers.resume(docker, seen.values())
            _start(docker, folder, kept, progress)
            password = secret_files.embedded_password(folder) if request.embedded_source else ""
            wait_ready(docker, kept, chosen, password, progress)
            watch_only(folder, dataclasses.replace(request, services=f"{__name__}:no_services"))
        except BaseException:
            if not ran_before:
                progress(Note("stopping what was started"))
                _stop(docker, kept, silent)
            raise
    return _endpoints(folder, kept, wanted.source)


def env(wanted: Wanted) -> Path:
    """Write what Compose needs to be run by hand; starts nothing. The path of the env file.

    Raises:
        HeadraceError: those of `write_files`.
    """
    folder = ProjectFolder.of(wanted.request.directory)
    folder.create(wanted.request.project)
    with alone(folder):
        target.record(folder, target.Target.COMPOSE)
        kept = site.read(folder) or Site.new(wanted.request.project)
        seen: Mapping[str, containers.Seen] = {}
        with contextlib.suppress(HeadraceError):
            seen = containers.own(containers.see(Docker.find(), kept.compose_project), kept.id)
        kept = dataclasses.replace(
            kept, engines=wanted.engines, embedded_source=wanted.request.embedded_source
        )
        write_files(folder, kept, wanted, image_name(), seen)
    return env_file.path_of(folder)


def down(folder: ProjectFolder, *, purge: bool, progress: Progress) -> Stopped:
    """Stop the project's containers in order; with `purge` remove them, their volumes and their network.

    Raises:
        HeadraceError: those of `Docker`, `project-busy`, `folder-not-ours`.
    """
    folder.check_ours()
    with alone(folder):
        stop_project.stop_project(folder, silent)
        kept = site.read(folder)
        stopped: tuple[str, ...] = ()
        if kept is not None:
            docker = Docker.find()
            stopped = _stop(docker, kept, progress)
            if purge:
                progress(Note("removing the project's containers, volumes and network"))
                containers.remove(docker, kept.id, kept.compose_project)
        return Stopped(stopped, folder.purge() if purge else False)


def endpoints(folder: ProjectFolder, source: SourceAddress | None, *, complete: bool) -> Endpoints:
    """Where the engines are; as `runtime.endpoints`.

    Raises:
        HeadraceError: `engines-not-running`; those of `Docker`.
    """
    kept = site.read(folder)
    running: dict[str, bool] = {}
    if kept is not None:
        seen = containers.own(containers.see(Docker.find(), kept.compose_project), kept.id)
        running = {name: name in seen and seen[name].runs for name in kept.engines}
    require_running(running, folder, all_of_them=complete)
    assert kept is not None  # nothing would run
    return _endpoints(folder, kept, source)


def no_services(_request: EngineRequest) -> Sequence[Service]:
    """Docker restarts the engines; the supervisor of such a project only watches."""
    return ()


def _endpoints(folder: ProjectFolder, kept: Site, source: SourceAddress | None) -> Endpoints:
    published = {name for engine in kept.engines for name in ROLES[engine].published}
    known = {name: port for name, port in ports.read_ports(folder).items() if name in published}
    return addresses.endpoints(kept.project, folder, known, source)


def _start(docker: Docker, folder: ProjectFolder, kept: Site, progress: Progress) -> None:
    groups = dict.fromkeys(ROLES[engine].group for engine in kept.engines)
    progress(Note(f"starting containers: {', '.join(kept.engines)}"))
    docker.run_compose(
        kept.compose_project,
        env_file.path_of(folder),
        [site.files_folder(folder) / f"docker-compose-{group}.yml" for group in groups],
        *("up", "--detach", "--no-build"),
        profiles=(kafka_ui.PROFILE,) if kept.kafka_ui else (),
    )


def _stop(docker: Docker, kept: Site, progress: Progress) -> tuple[str, ...]:
    """Stop what runs, nobody before all that depend on it; the names of what ran."""
    seen = containers.own(containers.see(docker, kept.compose_project), kept.id)
    there = ("running", "restarting", containers.PAUSED)
    running = {name: one for name, one in seen.items() if one.state in there}
    services = {name: definition(name) for name in running if name in ROLES}
    others = [one for name, one in running.items() if name not in services]
    containers.stop(docker, others, _STOP_MARGIN_S)
    now = datetime.now(UTC)
    for stage in stop_order(EngineRecord.of(service, now) for service in services.values()):
        names = [record.name for record in stage]
        progress(Note(f"stopping: {', '.join(names)}"))
        patience_s = max(services[name].stop_timeout_s for name in names)
        containers.stop(docker, [running[name] for name in names], patience_s + _STOP_MARGIN_S)
    return tuple(running)
