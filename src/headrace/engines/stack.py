"""All engines of one project: which there are, in what order, and where they listen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headrace.endpoints import Endpoints, SourceAddress
from headrace.engines import connect, kafka, pinot, postgres, secret_files, zookeeper
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.service import Service
from headrace.errors import HeadraceError

PORT_NAMES = ("postgres", "kafka", "kafka_controller", "connect", "zookeeper", *pinot.PORTS)
"""What needs a loopback port, for the `ports` of `stack` and `endpoints`."""

DEFAULT_HEAPS_MB: Mapping[str, int] = {
    "zookeeper": zookeeper.DEFAULT_HEAP_MB,
    "kafka": kafka.DEFAULT_HEAP_MB,
    "connect": connect.DEFAULT_HEAP_MB,
    "pinot": pinot.DEFAULT_HEAP_MB,
}


def stack(
    project: str,
    directory: Path,
    ports: Mapping[str, int],
    installation: Installation,
    heaps: Mapping[str, int] | None = None,
    *,
    embedded_source: bool = True,
) -> tuple[Service, ...]:
    """The engines of a project in an order in which they can be started. Starts and writes nothing.

    Args:
        project: its name, which is also that of the embedded database.
        directory: the one of `headrace.yaml`; everything goes into `.headrace` in it.
        ports: a loopback port for every name in PORT_NAMES.
        installation: `Installation.load()`.
        heaps: MB by engine, where they differ from DEFAULT_HEAPS_MB.
        embedded_source: whether we run the PostgreSQL too.

    Raises:
        HeadraceError: `heap-of-unknown-engine`, `directory-not-usable`, `no-unprivileged-account`.
    """
    folder = _usable(ProjectFolder.of(directory))
    unknown = sorted((heaps or {}).keys() - DEFAULT_HEAPS_MB.keys())
    if unknown:
        raise HeadraceError(
            "heap-of-unknown-engine",
            f"there is no engine {unknown[0]} with a heap",
            hint=f"heaps can be stated for {', '.join(DEFAULT_HEAPS_MB)}",
        )
    heap_mb = {**DEFAULT_HEAPS_MB, **(heaps or {})}
    services = (
        zookeeper.zookeeper(folder, ports, installation, heap_mb["zookeeper"]),
        kafka.kafka(folder, ports, installation, heap_mb["kafka"]),
        pinot.pinot(folder, ports, installation, heap_mb["pinot"]),
        connect.connect(folder, ports, installation, heap_mb["connect"]),
    )
    if not embedded_source:
        return services
    return (postgres.postgres(folder, project, ports, installation), *services)


def endpoints(
    project: str, directory: Path, ports: Mapping[str, int], source: SourceAddress | None = None
) -> Endpoints:
    """Where the engines of a project listen.

    Args:
        project: its name.
        directory: the one of `headrace.yaml`.
        ports: those the engines were started with.
        source: somebody's own PostgreSQL; None means the embedded one. Give it the `password_file` that
            `source_password_file` returns.
    """
    folder = ProjectFolder.of(directory)
    return Endpoints(
        source=source or embedded_source_address(project, folder, ports),
        kafka_bootstrap=f"127.0.0.1:{ports['kafka']}",
        connect_url=f"http://127.0.0.1:{ports['connect']}",
        pinot_controller_url=f"http://127.0.0.1:{ports['pinot_controller']}",
        pinot_broker_url=f"http://127.0.0.1:{ports['pinot_broker']}",
    )


def embedded_source_address(project: str, folder: ProjectFolder, ports: Mapping[str, int]) -> SourceAddress:
    """How to reach the embedded PostgreSQL; makes its password and password file at the first call."""
    password = secret_files.embedded_password(folder)
    return SourceAddress(
        host="127.0.0.1",
        port=ports["postgres"],
        database=project,
        user=postgres.USER,
        password=password,
        password_file=secret_files.write_password_file(folder, password),
        sslmode="disable",
    )


def source_password_file(directory: Path, password: str) -> Path:
    """Keep the password of somebody's own PostgreSQL where this project's Kafka Connect may read it."""
    return secret_files.write_password_file(ProjectFolder.of(directory), password)


def _usable(folder: ProjectFolder) -> ProjectFolder:
    """Kafka takes a comma in a path for the end of it."""
    if "," in str(folder.directory) or "\n" in str(folder.directory):
        raise HeadraceError(
            "directory-not-usable",
            "the engines cannot run in a folder with a comma in its path",
            cause=str(folder.directory),
            hint="move or rename the folder",
        )
    return folder
