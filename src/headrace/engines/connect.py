"""Kafka Connect, distributed with one worker: the only mode with exactly-once sources."""

from __future__ import annotations

from headrace.engines import properties, secret_files
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.jvm import JavaProgram
from headrace.engines.kafka import MAXIMUM_RECORD_BYTES
from headrace.engines.probe import get
from headrace.engines.service import Service

DEFAULT_HEAP_MB = 512

CONNECTOR_CLASS = "io.debezium.connector.postgresql.PostgresConnector"

# Debezium says these at WARN or ERROR, with the value.
_WITH_ROW_VALUES = (
    r"(?s).*Unexpected (JDBC )?\S+ value for field.*",
    r"(?s).*Failed to convert .*value.*",
    r"(?s).*Cannot parse (time/date|column default) value.*",
    r"(?s).*Detected new value '.*' for enum type.*",
    r"(?s).*Infinite\([+-]\) value.*",
)


def connect(folder: ProjectFolder, book: AddressBook, installation: Installation, heap_mb: int) -> Service:
    """A worker with its REST interface."""
    port = book.ports["connect"]
    program = JavaProgram(
        engine="connect",
        folder=folder,
        java=installation.java,
        classpath=installation.connect_classpath,
        class_archive=installation.class_archives / "connect.jsa",
        main="org.apache.kafka.connect.cli.ConnectDistributed",
        heap_mb=heap_mb,
        initial_heap_mb=192,
        # Room for some thousand rows in flight: G1's own choice is so small that each of its many collections
        # copies all of them.
        options=("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", f"-Xmn{heap_mb // 4}m"),
        hidden=_WITH_ROW_VALUES,
        levels=(
            ("io.debezium", "INFO"),
            # These list whole configurations, or every class they could not load.
            ("io.debezium.connector.common.BaseSourceTask", "WARN"),
            ("io.debezium.config", "WARN"),
            # In bulk it says at WARN, thousands of times, that a sample of its own metrics was left out.
            ("io.debezium.metrics.stats", "ERROR"),
            ("org.apache.kafka.connect.runtime.WorkerConfig", "ERROR"),
            ("org.reflections", "ERROR"),
        ),
        console=book.contained,
    )
    text = properties.render(settings(folder, book, installation))

    def prepare() -> None:
        secret_files.folder(folder)
        program.prepare({"worker.properties": text})

    return Service(
        name="connect",
        command=program.command(str(program.configuration / "worker.properties")),
        prepare=prepare,
        ready=lambda: waits_for(port),
        log=program.log,
        ports={"connect": port},
        depends_on=("kafka",),
        heap_mb=heap_mb,
        start_timeout_s=120.0,
    )


def settings(folder: ProjectFolder, book: AddressBook, installation: Installation) -> dict[str, object]:
    """The worker's configuration."""
    converter = "org.apache.kafka.connect.json.JsonConverter"
    return {
        "bootstrap.servers": book.address("kafka"),
        "group.id": "headrace-connect",
        "exactly.once.source.support": "enabled",
        "config.storage.topic": "_connect_configs",
        "offset.storage.topic": "_connect_offsets",
        "status.storage.topic": "_connect_status",
        "config.storage.replication.factor": 1,
        "offset.storage.replication.factor": 1,
        "status.storage.replication.factor": 1,
        "offset.storage.partitions": 1,
        "status.storage.partitions": 1,
        "key.converter": converter,
        "value.converter": converter,
        "key.converter.schemas.enable": False,
        "value.converter.schemas.enable": False,
        "key.converter.replace.null.with.default": False,
        "value.converter.replace.null.with.default": False,
        "plugin.path": installation.connect_plugin_path,
        # Debezium and we list our plugins by service files: no scan of every class.
        "plugin.discovery": "service_load",
        "listeners": f"http://{book.bind}:{book.ports['connect']}",
        "rest.advertised.host.name": book.host("connect"),
        "rest.advertised.port": book.ports["connect"],
        # A connector names its password as ${file:...:password}; nothing but our secrets can be read so.
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": folder.root / "secrets",
        "connector.client.config.override.policy": "All",
        "offset.flush.interval.ms": 1000,
        # After a kill -9 the next worker waits for the dead one's session.
        "session.timeout.ms": 4000,
        "heartbeat.interval.ms": 1000,
        "scheduled.rebalance.max.delay.ms": 2000,
        "task.shutdown.graceful.timeout.ms": 5000,
        "producer.max.request.size": MAXIMUM_RECORD_BYTES,
        "producer.buffer.memory": MAXIMUM_RECORD_BYTES + 32 * 1024 * 1024,
    }


def waits_for(port: int) -> str | None:
    health = get(port, "/health")
    if health is None:
        return f"the REST interface on port {port}"
    # The worker answers it from its main loop, which runs only once it has joined its group.
    if health.status_code != 200:
        return "the worker to join its group"
    plugins = get(port, "/connector-plugins")
    return None if plugins is not None and CONNECTOR_CLASS in plugins.text else "Debezium among the plugins"
