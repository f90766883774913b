"""ZooKeeper, from Pinot's class path: where Pinot keeps its cluster state."""

from __future__ import annotations

from headrace.engines import properties
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.jvm import JavaProgram
from headrace.engines.service import Service
from headrace.engines.zookeeper_client import ZooKeeperClient, ZooKeeperUnavailable

DEFAULT_HEAP_MB = 128

MAXIMUM_NODE_BYTES = 8 * 1024 * 1024
"""Pinot keeps one node per table with all its segments: the default of 1 MB would end many tables."""


def zookeeper(folder: ProjectFolder, book: AddressBook, installation: Installation, heap_mb: int) -> Service:
    """A single server."""
    port = book.ports["zookeeper"]
    program = JavaProgram(
        engine="zookeeper",
        folder=folder,
        java=installation.java,
        classpath=installation.pinot_classpath,
        class_archive=installation.class_archives / "zookeeper.jsa",
        # Unlike ZooKeeperServerMain this one also removes old snapshots and logs.
        main="org.apache.zookeeper.server.quorum.QuorumPeerMain",
        heap_mb=heap_mb,
        initial_heap_mb=32,
        options=(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Djute.maxbuffer={MAXIMUM_NODE_BYTES}",
        ),
        # These say at WARN that it runs alone, that a client went away, that log4j 1 is not there.
        levels=(
            ("org.apache.zookeeper.server.quorum", "ERROR"),
            ("org.apache.zookeeper.server.NIOServerCnxn", "ERROR"),
            ("org.apache.zookeeper.server.ZooKeeperServer", "ERROR"),
            ("org.apache.zookeeper.server.ZooKeeperServerMain", "ERROR"),
        ),
        console=book.contained,
    )
    settings = {
        "dataDir": program.data / "state",
        "clientPortAddress": book.bind,
        "clientPort": port,
        "tickTime": 1000,
        "maxSessionTimeout": 60000,
        "maxClientCnxns": 0,
        "admin.enableServer": False,
        "4lw.commands.whitelist": "srvr",
        "autopurge.snapRetainCount": 3,
        "autopurge.purgeInterval": 1,
        # In KB; the default of 64 MB per log file is for clusters.
        "preAllocSize": 4096,
    }
    return Service(
        name="zookeeper",
        command=program.command(str(program.configuration / "zoo.cfg")),
        prepare=lambda: program.prepare({"zoo.cfg": properties.render(settings)}),
        ready=lambda: waits_for(port),
        log=program.log,
        ports={"zookeeper": port},
        heap_mb=heap_mb,
        stop_timeout_s=10.0,
    )


def waits_for(port: int) -> str | None:
    try:
        with ZooKeeperClient(port) as client:
            return None if "zookeeper" in client.children("/") else "root node"
    except ZooKeeperUnavailable:
        return f"a session on port {port}"
