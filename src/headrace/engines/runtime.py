"""`up`, `down` and `status` of a declared project: where the engines' definitions and the supervisor meet."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from headrace.endpoints import Endpoints, SourceAddress
from headrace.engines import secret_files, stop_project
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation, headrace_home
from headrace.engines.lifecycle import Event, Note, Progress, silent
from headrace.engines.ports import read_ports
from headrace.engines.record import read_engines
from headrace.engines.request import EngineRequest
from headrace.engines.service import Service
from headrace.engines.starting import start
from headrace.engines.status import EngineStatus, ProjectStatus, read_status, require_running
from headrace.engines.stop_project import Stopped
from headrace.engines.target import Target, expect, target_of
from headrace.errors import HeadraceError
from headrace.spec.model import Declaration

__all__ = [
    "WATCHERS",
    "EngineStatus",
    "Event",
    "Note",
    "Progress",
    "ProjectStatus",
    "Stopped",
    "compose_env",
    "down",
    "endpoints",
    "optional_engines",
    "services",
    "source_address",
    "status",
    "up",
]

WATCHERS: tuple[str, ...] = (
    "headrace.observe.watchers:connectors",
    "headrace.observe.watchers:wal",
    "headrace.observe.watchers:catalogue",
    "headrace.observe.watchers:logs",
)
"""`module:function` of everything the supervisor looks at besides itself: each function takes the project
directory and returns watchers (`headrace.observe.watch.Watcher`)."""


def up(declaration: Declaration, directory: Path, progress: Progress = silent) -> Endpoints:
    """Bring all engines of a project to ready and return where they listen.

    Idempotent; what it promises when it fails or is interrupted stands with `starting.start`.

    Args:
        declaration: names the project, heaps, fixed ports, and whether the source is ours.
        directory: the folder of headrace.yaml.

    Raises:
        HeadraceError: of `starting.start`; `engines-not-installed`; `jdk-missing`; a reference of the source
            that does not resolve; `no-such-port-name`.
    """
    from headrace.engines.stack import PORT_NAMES, port_names

    _check_port_names(declaration, PORT_NAMES)
    folder = ProjectFolder.of(directory)
    chosen = target_of(folder)
    # Before anything is started: a missing password is easier to mend now.
    source = None if declaration.embedded_source else source_address(declaration, folder)
    request = _request(declaration, folder)
    if chosen is Target.COMPOSE:
        from headrace.engines.compose import preparation, project

        return project.up(preparation.Wanted(request, declaration.engines.ports, source), progress)
    names = port_names(request.optional, embedded_source=request.embedded_source)
    running = start(request, names, fixed_ports=declaration.engines.ports, progress=progress)
    return _endpoints(declaration, folder, running.ports)


def compose_env(declaration: Declaration, directory: Path) -> Path:
    """Write the files with which Compose can be run by hand; the path of the one with the secrets.

    Raises:
        HeadraceError: `target-differs`, `no-such-port-name`, a reference of the source that does not resolve.
    """
    from headrace.engines.compose import preparation, project
    from headrace.engines.stack import PORT_NAMES

    _check_port_names(declaration, PORT_NAMES)
    folder = ProjectFolder.of(directory)
    expect(folder, Target.COMPOSE)
    source = None if declaration.embedded_source else source_address(declaration, folder)
    wanted = preparation.Wanted(_request(declaration, folder), declaration.engines.ports, source)
    return project.env(wanted)


def down(directory: Path, *, purge: bool = False, progress: Progress = silent) -> Stopped:
    """Stop every engine of the directory and make sure nothing of it is left; see `stop_project.stop`.

    Args:
        purge: remove all local data of the project too. Slots and publications on somebody's own PostgreSQL
            are not touched: that needs the declaration and comes before (`headrace destroy`).
    """
    from headrace.engines import postgres

    folder = ProjectFolder.of(directory)
    if folder.root.exists() and target_of(folder) is Target.COMPOSE:
        from headrace.engines.compose import project

        return project.down(folder, purge=purge, progress=progress)
    return stop_project.stop(folder, purge=purge, also_purge=postgres.remove_data, progress=progress)


def status(directory: Path) -> ProjectStatus:
    """How the engines stand now; starts nothing, and never fails for what it finds.

    Raises:
        HeadraceError: where Docker runs the engines, but does not answer.
    """
    folder = ProjectFolder.of(directory)
    if target_of(folder) is Target.COMPOSE:
        from headrace.engines.compose import condition

        return condition.status(folder)
    return read_status(folder)


def endpoints(declaration: Declaration, directory: Path, *, complete: bool = False) -> Endpoints:
    """Where the engines listen.

    Args:
        complete: all of them are needed. Without it an engine that is started again meanwhile is no reason
            to refuse what others can answer; its own client says when it is missed.

    Raises:
        HeadraceError: `engines-not-running` when none runs, or not all that are needed.
    """
    folder = ProjectFolder.of(directory)
    if target_of(folder) is Target.COMPOSE:
        from headrace.engines.compose import project

        source = None if declaration.embedded_source else source_address(declaration, folder)
        return project.endpoints(folder, source, complete=complete)
    records = read_engines(folder).engines
    require_running({record.name: record.runs() for record in records}, folder, all_of_them=complete)
    # A port may be on record of an engine that this project had once.
    published = {name for record in records for name in record.ports}
    ports = {name: port for name, port in read_ports(folder).items() if name in published}
    return _endpoints(declaration, folder, ports)


def source(declaration: Declaration, directory: Path) -> SourceAddress:
    """Where rows are written; somebody's own PostgreSQL needs no engine of ours for that.

    Raises:
        HeadraceError: `engines-not-running` when it is one of them; a reference that does not resolve.
    """
    if declaration.embedded_source:
        return endpoints(declaration, directory).source
    return source_address(declaration, ProjectFolder.of(directory))


def services(request: EngineRequest) -> tuple[Service, ...]:
    """The engines of a request, as the supervisor asks for them."""
    from headrace.engines.stack import stack

    return stack(
        request.project,
        request.directory,
        request.ports,
        Installation.load(request.home),
        request.heaps,
        embedded_source=request.embedded_source,
        optional=request.optional,
    )


def optional_engines(declaration: Declaration) -> frozenset[str]:
    """The engines of `stack.OPTIONAL` that this declaration needs: the one place where that is decided."""
    wanted = {"spark": bool(declaration.views), "superset": declaration.dashboard is not None}
    return frozenset(name for name, needed in wanted.items() if needed)


def source_address(declaration: Declaration, folder: ProjectFolder) -> SourceAddress:
    """The address of somebody's own PostgreSQL; needs no engine.

    Raises:
        HeadraceError: a reference that does not resolve.
    """
    from headrace.spec import connection

    return connection.source_address(
        declaration,
        directory=folder.directory,
        password_file=folder.root / "secrets" / secret_files.PROPERTIES,
    )


def _request(declaration: Declaration, folder: ProjectFolder) -> EngineRequest:
    return EngineRequest(
        project=declaration.project,
        directory=folder.directory,
        home=headrace_home(),
        services="headrace.engines.runtime:services",
        heaps={str(name): heap_mb for name, heap_mb in declaration.engines.heap_mb.items()},
        embedded_source=declaration.embedded_source,
        optional=tuple(sorted(optional_engines(declaration))),
        watchers=WATCHERS,
    )


def _endpoints(declaration: Declaration, folder: ProjectFolder, ports: dict[str, int]) -> Endpoints:
    from headrace.engines import stack

    if declaration.embedded_source:
        return stack.endpoints(declaration.project, folder.directory, ports)
    source = source_address(declaration, folder)
    password_file = stack.source_password_file(folder.directory, source.password)
    return stack.endpoints(
        declaration.project, folder.directory, ports, dataclasses.replace(source, password_file=password_file)
    )


def _check_port_names(declaration: Declaration, known: tuple[str, ...]) -> None:
    unknown = sorted(declaration.engines.ports.keys() - set(known))
    if unknown:
        raise HeadraceError(
            "no-such-port-name",
            f"no engine has a port called {unknown[0]}",
            hint=f"there are {', '.join(known)}",
            where=declaration.where(f"engines.ports.{unknown[0]}"),
        )
