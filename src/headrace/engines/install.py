"""Bringing the engines onto this machine.

Promise: `install` is idempotent and atomic. Each engine is downloaded and checked in a folder aside and
renamed when it is complete, so an installation killed at any moment leaves nothing that looks finished, and
the next one repairs it. Two at once wait for each other. Afterwards no network, Maven or compiler is needed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from headrace.engines import class_archives, java_sources, jdk, lock, maven
from headrace.engines.aside import alone, aside, put_in_place, require_space
from headrace.engines.installation import (
    FINISHED,
    PLUGINS,
    Installation,
    engine_folder,
    find_postgres_bin,
    headrace_home,
    is_finished,
    java_folder,
    library,
    lock_digest,
    transport_folder,
)
from headrace.engines.maven import Progress
from headrace.engines.versions import DEBEZIUM, FROM_MAVEN, KAFKA, PINOT, SPARK, EngineVersion

__all__ = ["Installation", "Progress", "headrace_home", "install"]

REQUIRED_FREE_BYTES = 2_000_000_000
"""Twice what the jars take: Maven keeps a copy of its own, pip unpacks one."""


def install(home: Path, progress: Progress, *, try_engines: bool = True) -> Installation:
    """Install whatever is missing or damaged under `home`; every jar is checked against its lock.

    Args:
        home: HEADRACE_HOME.
        progress: takes lines for people.
        try_engines: start every Java engine once (class_archives.py), unless that was done already.

    Raises:
        HeadraceError: `jdk-missing`, `jdk-too-old`, `maven-missing`, `disk-full`, `engine-download-failed`,
            `engine-checksum-mismatch`, `java-compilation-failed`, `postgres-missing`, `home-not-writable`,
            `engine-does-not-start`, `pip-missing`.
    """
    compiler = jdk.find_compiler()
    find_postgres_bin()
    with alone(home, progress):
        for engine in FROM_MAVEN:
            if is_finished(engine, home) and not lock.differences(library(engine, home), lock.read(engine)):
                progress(f"{engine.name} {engine.version}: complete")
            else:
                _install_engine(engine, home, progress)
        _install_java(home, compiler, progress)
        installation = Installation.load(home)
        if try_engines and not installation.class_archives.exists():
            class_archives.make(installation, progress)
    return installation


def _install_engine(engine: EngineVersion, home: Path, progress: Progress) -> None:
    require_space(home, REQUIRED_FREE_BYTES)
    with aside(home) as folder:
        jars = folder / "lib"
        jars.mkdir()
        maven.resolve(engine, jars, progress)
        lock.check(engine, jars)
        (folder / FINISHED).write_text(lock_digest(engine) + "\n")
        put_in_place(folder, engine_folder(engine, home))
    progress(f"{engine.name} {engine.version}: installed, checksums agree")


def _install_java(home: Path, compiler: jdk.Jdk, progress: Progress) -> None:
    against = {
        "connect": lock.jars(library(KAFKA, home)),
        "capture": [*lock.jars(library(DEBEZIUM, home)), *lock.jars(library(KAFKA, home))],
        "transform": lock.jars(library(SPARK, home)),
    }
    pinot = lock.jars(library(PINOT, home))
    targets = {transport_folder(home): [java_sources.TRANSPORT], java_folder(home): java_sources.PARTS}
    for target, parts in targets.items():
        if target.is_dir():
            continue
        with aside(home) as folder:
            for part in parts:
                progress(f"headrace's Java: compiling {part}")
                java_sources.compile_part(part, compiler, against.get(part, pinot), folder / f"{part}.jar")
            if "capture" in parts:
                _make_plugin(folder, home)
            put_in_place(folder, target)
    progress("headrace's Java: complete")


def _make_plugin(folder: Path, home: Path) -> None:
    """Debezium's jars and our connector's in one plugin folder; linked, where the file system can."""
    plugin = folder / PLUGINS / DEBEZIUM.name
    plugin.mkdir(parents=True)
    for jar in [*lock.jars(library(DEBEZIUM, home)), folder / "capture.jar"]:
        try:
            (plugin / jar.name).hardlink_to(jar)
        except OSError:
            shutil.copy2(jar, plugin / jar.name)
