"""Archives of the classes an engine loads at its start: a third less work for every later start.

They are made by starting all Java engines once, in a folder that is thrown away, and letting each JVM write
down what it had loaded when it ends. That also shows that what was installed runs here.

An archive fits one build of Java and one class path, of which it covers the beginning: our own classes stand
at the end, so that an archive outlives their changes.
"""

from __future__ import annotations

import dataclasses
import socket
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from headrace.engines import connect, kafka, pinot, spark, view_rehearsal, zookeeper
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.maven import Progress
from headrace.engines.service import Service
from headrace.engines.unsupervised import Unsupervised

_BATCH_MS = 5000
_PORTS = ("zookeeper", "kafka", "kafka_controller", "connect", "spark", *pinot.PORTS)


def make(installation: Installation, progress: Progress) -> None:
    """Fill `installation.class_archives`, whole or not at all.

    Raises:
        HeadraceError: `engine-does-not-start`, with the engine's last words.
    """
    target = installation.class_archives
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent) as name:
        aside = Path(name)
        archives = aside / "archives"
        archives.mkdir(mode=0o755)
        bare = _without_own_classes(installation, aside)
        with_own_classes = dataclasses.replace(installation, class_archives=aside / "none")
        folder = ProjectFolder.of(aside)
        book = AddressBook(_free_ports())
        pairs = (
            (
                zookeeper.zookeeper(folder, book, bare, zookeeper.DEFAULT_HEAP_MB),
                pinot.pinot(folder, book, bare, pinot.DEFAULT_HEAP_MB),
            ),
            (
                kafka.kafka(folder, book, bare, kafka.DEFAULT_HEAP_MB),
                connect.connect(folder, book, bare, connect.DEFAULT_HEAP_MB),
                # Its main class is ours, so it is tried with our classes; they too stand at the end.
                spark.spark(folder, book, with_own_classes, spark.DEFAULT_HEAP_MB, batch_ms=_BATCH_MS),
            ),
        )
        for services in pairs:
            with ExitStack() as running:
                for service in services:
                    progress(f"trying {service.name}: it starts once, so that later starts are quicker")
                    process = running.enter_context(_trial(service, archives))
                    process.wait_ready()
                    if service.name == "spark":
                        # What a view takes is loaded with the first of them, not with Spark's start.
                        view_rehearsal.rehearse(book.ports["kafka"], book.ports["spark"])
        if not target.exists():
            archives.rename(target)


@contextmanager
def _trial(service: Service, archives: Path) -> Generator[Unsupervised]:
    """One engine, for a `with` block; it writes its archive when the block ends in order."""
    archive = archives / f"{service.name}.jsa"
    option = f"-XX:ArchiveClassesAtExit={archive}"
    # Writing the archive takes longer than ending.
    running = Unsupervised(service, archives, (option,), slow_end_s=60)
    try:
        with running:
            yield running
    finally:
        if not running.ended_in_order:
            archive.unlink(missing_ok=True)


def _without_own_classes(installation: Installation, aside: Path) -> Installation:
    def engines_only(classpath: str) -> str:
        jars = classpath.split(":")
        return ":".join(jar for jar in jars if not jar.startswith(str(installation.headrace_java)))

    return dataclasses.replace(
        installation,
        connect_classpath=engines_only(installation.connect_classpath),
        pinot_classpath=engines_only(installation.pinot_classpath),
        headrace_java=aside / "none",
        class_archives=aside / "none",
    )


def _free_ports() -> dict[str, int]:
    """Ports nobody has at this moment; held together, so that they differ."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in _PORTS]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(_PORTS, sockets, strict=True)}
