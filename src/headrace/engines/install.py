"""Bringing the engines onto this machine.

Promise: `install` is idempotent and atomic. Each engine is downloaded and checked in a folder aside and
renamed when it is complete, so an installation killed at any moment leaves nothing that looks finished, and
the next one repairs it. Two at once wait for each other. Afterwards no network, Maven or compiler is needed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from headrace.engines import class_archives, java_sources, jdk, lock, maven
from headrace.engines.installation import (
    FINISHED,
    PLUGINS,
    Installation,
    engine_folder,
    engines_folder,
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
from headrace.errors import HeadraceError

__all__ = ["Installation", "Progress", "headrace_home", "install"]

REQUIRED_FREE_BYTES = 2_000_000_000
"""Twice what the jars take: Maven keeps a copy of its own, pip unpacks one."""

_ASIDE = ".partial-"


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
    with _alone(home, progress):
        for leftover in engines_folder(home).glob(f"{_ASIDE}*"):
            shutil.rmtree(leftover, ignore_errors=True)
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
    _require_space(home)
    with _aside(home) as folder:
        jars = folder / "lib"
        jars.mkdir()
        maven.resolve(engine, jars, progress)
        lock.check(engine, jars)
        (folder / FINISHED).write_text(lock_digest(engine) + "\n")
        _put_in_place(folder, engine_folder(engine, home))
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
        with _aside(home) as folder:
            for part in parts:
                progress(f"headrace's Java: compiling {part}")
                java_sources.compile_part(part, compiler, against.get(part, pinot), folder / f"{part}.jar")
            if "capture" in parts:
                _make_plugin(folder, home)
            _put_in_place(folder, target)
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


@contextmanager
def _aside(home: Path) -> Generator[Path]:
    """A folder that is not yet anything, on the file system of the finished ones."""
    folder = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=engines_folder(home)))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(folder: Path, target: Path) -> None:
    """Rename `folder` to `target`; a damaged predecessor moves aside first and is then removed."""
    for path in folder.rglob("*"):
        if path.is_file():
            _flush(path)
    replaced = folder.with_name(f"{folder.name}-replaced")
    if target.exists():
        target.rename(replaced)
    folder.rename(target)
    _flush(target.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_space(home: Path) -> None:
    for place in (engines_folder(home), Path.home()):
        free = shutil.disk_usage(place).free
        if free < REQUIRED_FREE_BYTES:
            raise HeadraceError(
                "disk-full",
                f"the engines need {REQUIRED_FREE_BYTES // 10**6} MB of disk",
                cause=f"{place} has {free // 10**6} MB left",
                hint="free some space, or set HEADRACE_HOME to a folder on another disk",
            )


@contextmanager
def _alone(home: Path, progress: Progress) -> Generator[None]:
    """Hold the lock of the home; it goes with the process, however that ends."""
    try:
        engines_folder(home).mkdir(parents=True, exist_ok=True)
        file = (engines_folder(home) / ".lock").open("a")
    except OSError as error:
        raise HeadraceError(
            "home-not-writable",
            f"cannot write to {home}",
            cause=str(error),
            hint="set HEADRACE_HOME to a folder of yours",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another installation to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
