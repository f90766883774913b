"""All engines of one project: which there are, in what order, and where they listen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.endpoints import Endpoints, SourceAddress
from headrace.engines import connect, kafka, pinot, postgres, secret_files, spark, superset, zookeeper
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.service import Service
from headrace.engines.superset_install import SupersetInstallation
from headrace.errors import HeadraceError


@dataclass(frozen=True)
class OptionalEngine:
    """An engine that only some projects need.

    Attributes:
        ports: the names of its ports.
        make: its definition, from project, folder, addresses, installation and heap.
        heap_mb: the default of its JVM heap; 0 for what is no JVM.
    """

    ports: tuple[str, ...]
    make: Callable[[str, ProjectFolder, AddressBook, Installation, int], Service]
    heap_mb: int = 0


def _spark(
    _project: str, folder: ProjectFolder, book: AddressBook, installation: Installation, heap_mb: int
) -> Service:
    return spark.spark(folder, book, installation, heap_mb)


def _superset(
    project: str, folder: ProjectFolder, book: AddressBook, installation: Installation, _heap_mb: int
) -> Service:
    return superset.superset(folder, project, book, SupersetInstallation.load(installation.home))


OPTIONAL: Mapping[str, OptionalEngine] = {
    "spark": OptionalEngine(spark.PORTS, _spark, spark.DEFAULT_HEAP_MB),
    "superset": OptionalEngine((superset.PORT,), _superset),
}
"""By name, in the order in which they can be started after all others."""

_JVMS = ("zookeeper", "kafka", "pinot", "connect")

ENGINES = ("postgres", *_JVMS, *OPTIONAL)
"""In an order in which they can be started."""

_ALWAYS = ("postgres", "kafka", "kafka_controller", "connect", "zookeeper", *pinot.PORTS)

PORT_NAMES = (*_ALWAYS, *(port for engine in OPTIONAL.values() for port in engine.ports))
"""Everything that can need a loopback port; what a project needs of it says `port_names`."""

DEFAULT_HEAPS_MB: Mapping[str, int] = {
    "zookeeper": zookeeper.DEFAULT_HEAP_MB,
    "kafka": kafka.DEFAULT_HEAP_MB,
    "connect": connect.DEFAULT_HEAP_MB,
    "pinot": pinot.DEFAULT_HEAP_MB,
    **{name: engine.heap_mb for name, engine in OPTIONAL.items() if engine.heap_mb},
}


def port_names(optional: Collection[str] = (), *, embedded_source: bool = True) -> tuple[str, ...]:
    """What needs a loopback port in a project with these optional engines."""
    always = tuple(name for name in _ALWAYS if embedded_source or name != "postgres")
    return (*always, *(port for name in _chosen(optional) for port in OPTIONAL[name].ports))


def stack(
    project: str,
    directory: Path,
    ports: Mapping[str, int],
    installation: Installation,
    heaps: Mapping[str, int] | None = None,
    *,
    embedded_source: bool = True,
    optional: Collection[str] = (),
) -> tuple[Service, ...]:
    """The engines of a project in an order in which they can be started. Starts and writes nothing.

    Args:
        project: its name, which is also that of the embedded database.
        directory: the one of `headrace.yaml`; everything goes into `.headrace` in it.
        ports: a loopback port for every name in `port_names`.
        installation: `Installation.load()`.
        heaps: MB by engine, where they differ from DEFAULT_HEAPS_MB.
        embedded_source: whether we run the PostgreSQL too.
        optional: names from OPTIONAL: engines this project needs besides.

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
    names = (*(("postgres",) if embedded_source else ()), *_JVMS, *_chosen(optional))
    book = AddressBook(ports)
    return tuple(engine(name, project, folder, book, installation, heap_mb.get(name, 0)) for name in names)


def engine(
    name: str,
    project: str,
    folder: ProjectFolder,
    book: AddressBook,
    installation: Installation,
    heap_mb: int,
) -> Service:
    """One engine's definition, the same wherever it runs; `name` as in ENGINES."""
    match name:
        case "postgres":
            return postgres.postgres(folder, project, book, installation)
        case "zookeeper":
            return zookeeper.zookeeper(folder, book, installation, heap_mb)
        case "kafka":
            return kafka.kafka(folder, book, installation, heap_mb)
        case "pinot":
            return pinot.pinot(folder, book, installation, heap_mb)
        case "connect":
            return connect.connect(folder, book, installation, heap_mb)
        case _:
            return OPTIONAL[name].make(project, folder, book, installation, heap_mb)


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
        spark_url=f"http://127.0.0.1:{ports['spark']}" if "spark" in ports else None,
        superset_url=f"http://127.0.0.1:{ports[superset.PORT]}" if superset.PORT in ports else None,
        superset_password=secret_files.superset_password(folder) if superset.PORT in ports else None,
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


def _chosen(optional: Collection[str]) -> tuple[str, ...]:
    if unknown := set(optional) - OPTIONAL.keys():
        raise ValueError(f"no optional engine is called {sorted(unknown)}")
    return tuple(name for name in OPTIONAL if name in optional)


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
