"""Pinot: controller, broker and server in one JVM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import structlog

from headrace.engines import interrupted_commits, java_sources, properties
from headrace.engines.address_book import LOOPBACK, AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.jvm import JavaProgram
from headrace.engines.probe import get
from headrace.engines.service import Service
from headrace.engines.zookeeper import MAXIMUM_NODE_BYTES
from headrace.engines.zookeeper_client import ZooKeeperClient, ZooKeeperRefusal, ZooKeeperUnavailable

_log = structlog.stdlib.get_logger("pinot")

DEFAULT_HEAP_MB = 1536

CLUSTER = "headrace"
PORTS = ("pinot_controller", "pinot_broker", "pinot_server", "pinot_server_admin")

QUERY_EXECUTOR = "io.headrace.pinot.SnapshotQueryExecutor"
DATA_MANAGER = "io.headrace.pinot.PauselessInstanceDataManager"
TRANSFORMS = "io.headrace.pinot.NullMark"

OPENED = (
    "java.base/java.nio",
    "java.base/sun.nio.ch",
    "java.base/java.lang",
    "java.base/java.util",
    "java.base/java.lang.reflect",
    "java.base/jdk.internal.misc",
)

# What every row passes between Kafka's record and its place in a segment: decision 25.
_ROW_PATH = (
    "io/headrace/pinot/*",
    "org/apache/kafka/clients/consumer/internals/Fetcher*",
    "org/apache/kafka/common/record/*",
    "org/apache/kafka/common/utils/*",
    "net/jpountz/*",
    "com/fasterxml/jackson/core/*",
    "org/apache/pinot/core/data/manager/realtime/*",
    "org/apache/pinot/spi/data/readers/*",
    "org/apache/pinot/segment/local/segment/creator/TransformPipeline*",
    "org/apache/pinot/segment/local/recordtransformer/*",
    "org/apache/pinot/segment/local/indexsegment/mutable/*",
    "org/apache/pinot/segment/local/realtime/impl/*",
    "org/apache/pinot/segment/local/io/writer/*",
    "org/apache/pinot/segment/local/utils/HashUtils",
    "org/apache/pinot/segment/spi/memory/*",
    *("java/lang/String*", "java/math/*", "java/nio/*", "java/util/HashMap*"),
)

# These two print the row (LLRealtimeSegmentDataManager); what could not be carried is counted by the decoder.
_WITH_ROW_VALUES = (
    r"(?s).*Caught exception while transforming the record.*",
    r"(?s).*Caught exception while indexing the record.*",
)


def pinot(folder: ProjectFolder, book: AddressBook, installation: Installation, heap_mb: int) -> Service:
    """All three roles, with instance names that outlive a change of ports.

    They call each other on the loopback interface, also in a container: they are one process.
    """
    program = JavaProgram(
        engine="pinot",
        folder=folder,
        java=installation.java,
        classpath=installation.pinot_classpath,
        class_archive=installation.class_archives / "pinot.jsa",
        main="org.apache.pinot.tools.admin.PinotAdministrator",
        heap_mb=heap_mb,
        initial_heap_mb=256,
        options=(
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            *("-XX:InitiatingHeapOccupancyPercent=70", "-XX:-G1UseAdaptiveIHOP", "-XX:G1HeapRegionSize=2m"),
            # For threads that build segments; without root a priority can only be lowered, which is enough.
            *("-XX:ThreadPriorityPolicy=1", "-XX:-PrintWarnings"),
            "-Dpinot.admin.system.exit=true",
            "-Dio.netty.tryReflectionSetAccessible=true",
            f"-Djute.maxbuffer={MAXIMUM_NODE_BYTES}",
            *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED),
        ),
        levels=(
            ("org.apache.pinot.tools.admin.command.StartServiceManagerCommand", "INFO"),
            ("org.apache.helix", "ERROR"),
            # Says at ERROR, until the first instance is there, that none is.
            ("org.apache.helix.controller.rebalancer.DelayedAutoRebalancer", "OFF"),
            ("org.reflections", "ERROR"),
            ("org.apache.kafka.clients.consumer.ConsumerConfig", "ERROR"),
        ),
        hidden=_WITH_ROW_VALUES,
        optimized=_ROW_PATH,
        console=book.contained,
    )
    zookeeper = book.address("zookeeper")
    files = {
        "controller.conf": controller_settings(program, book),
        "broker.conf": broker_settings(book),
        "server.conf": server_settings(program, book, installation),
    }

    def prepare() -> None:
        program.prepare({name: properties.render(content) for name, content in files.items()})
        _mend(book)

    return Service(
        name="pinot",
        command=program.command(
            *("StartServiceManager", "-zkAddress", zookeeper, "-clusterName", CLUSTER, "-port", "-1"),
            *("-bootstrapConfigPaths", *(str(program.configuration / name) for name in files)),
        ),
        prepare=prepare,
        ready=lambda: waits_for(book.ports),
        log=program.log,
        ports={name: book.ports[name] for name in PORTS},
        depends_on=("zookeeper",),
        heap_mb=heap_mb,
        stop_timeout_s=30.0,
        start_timeout_s=180.0,
    )


def controller_settings(program: JavaProgram, book: AddressBook) -> dict[str, object]:
    return {
        "pinot.service.role": "CONTROLLER",
        "controller.helix.cluster.name": CLUSTER,
        "controller.zk.str": book.address("zookeeper"),
        "controller.host": LOOPBACK,
        # Not `controller.port`: that one listens on every interface.
        "controller.access.protocols": "http",
        "controller.access.protocols.http.host": book.bind,
        "controller.access.protocols.http.port": book.ports["pinot_controller"],
        "controller.vip.host": LOOPBACK,
        "controller.vip.port": book.ports["pinot_controller"],
        "controller.vip.protocol": "http",
        "controller.data.dir": program.data / "segments",
        "controller.local.temp.dir": program.data / "tmp" / "controller",
        # Repairs partitions that stopped; hourly by default.
        "controller.realtime.segment.validation.frequencyPeriod": "30s",
        "controller.realtime.segment.validation.initialDelayInSeconds": 30,
        "controller.task.scheduler.enabled": False,
        "controller.deleted.segments.retentionInDays": 0,
    }


def broker_settings(book: AddressBook) -> dict[str, object]:
    return {
        "pinot.service.role": "BROKER",
        "pinot.cluster.name": CLUSTER,
        "pinot.zk.server": book.address("zookeeper"),
        "pinot.broker.hostname": LOOPBACK,
        "pinot.broker.client.access.protocols": "http",
        "pinot.broker.client.access.protocols.http.host": book.bind,
        "pinot.broker.client.access.protocols.http.port": book.ports["pinot_broker"],
        "instanceId": "Broker_127.0.0.1_1",
        "pinot.broker.timeoutMs": 60000,
        "pinot.broker.delayShutdownTimeMs": 0,
    }


def server_settings(program: JavaProgram, book: AddressBook, installation: Installation) -> dict[str, object]:
    jar = installation.headrace_java / "pinot.jar"
    own_classes = java_sources.has_class(jar, QUERY_EXECUTOR)
    ours = {
        "pinot.server.instance.data.manager.class": DATA_MANAGER,
        "pinot.server.query.executor.class": QUERY_EXECUTOR,
        "pinot.server.transforms": TRANSFORMS,
    }
    return {
        "pinot.service.role": "SERVER",
        "pinot.cluster.name": CLUSTER,
        "pinot.zk.server": book.address("zookeeper"),
        "pinot.server.netty.host": LOOPBACK,
        "pinot.server.netty.port": book.ports["pinot_server"],
        "pinot.server.adminapi.access.protocols": "http",
        "pinot.server.adminapi.access.protocols.http.host": book.bind,
        "pinot.server.adminapi.access.protocols.http.port": book.ports["pinot_server_admin"],
        "pinot.server.grpc.enable": False,
        "pinot.server.instance.id": "Server_127.0.0.1_1",
        # Host and id are given. Without this Pinot 0.11.0 looks for the machine's address all the same, and
        # does not start where there is no network (`BaseServerStarter.init`).
        "pinot.set.instance.id.to.hostname": True,
        "pinot.server.instance.dataDir": program.data / "index",
        "pinot.server.instance.segmentTarDir": program.data / "tar",
        # Version 3, the default, cannot say NULL.
        "pinot.server.instance.currentDataTableVersion": 4,
        "pinot.server.query.executor.timeout": 60000,
        "pinot.server.startup.serviceStatusCheckIntervalMs": 100,
        "pinot.server.shutdown.enableQueryCheck": False,
        **(ours if own_classes else {}),
    }


def _mend(book: AddressBook) -> None:
    """Put in order what a killed predecessor left in ZooKeeper; called only when none of ours runs.

    Otherwise Helix finds "another instance with same instance name" and sleeps for the session's 30 s and 5
    more, and a partition whose segment was being committed is not read for five minutes. What cannot be
    mended is logged: Pinot starts all the same, later.
    """
    try:
        with ZooKeeperClient(book.ports["zookeeper"], host=book.host("zookeeper")) as client:
            for instance in client.children(f"/{CLUSTER}/LIVEINSTANCES"):
                client.delete(f"/{CLUSTER}/LIVEINSTANCES/{instance}")
            client.delete(f"/{CLUSTER}/CONTROLLER/LEADER")
            interrupted_commits.take_back(client, CLUSTER)
    except (ZooKeeperUnavailable, ZooKeeperRefusal) as error:
        _log.warning("what Pinot left in ZooKeeper is not mended", reason=str(error))


def waits_for(ports: Mapping[str, int]) -> str | None:
    for name in ("controller", "broker"):
        answer = get(ports[f"pinot_{name}"], "/health")
        if answer is None or answer.text.strip() != "OK":
            return f"the {name}'s health on port {ports[f'pinot_{name}']}"
    answer = get(ports["pinot_server_admin"], "/health")
    if answer is None or answer.text.strip() != "OK":
        return "the server's health"
    answer = get(ports["pinot_controller"], f"/zk/ls?path=/{CLUSTER}/LIVEINSTANCES")
    if answer is None or answer.is_error:
        return "the controller's view of the instances"
    live = cast("list[str]", answer.json())
    return None if any(name.startswith("Server_") for name in live) else "the server among the live instances"
