"""The Kafka broker: KRaft, one node that is broker and controller."""

from __future__ import annotations

import base64
import logging
import subprocess
import uuid

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from headrace.engines import properties
from headrace.engines.address_book import LOOPBACK, AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.jvm import JavaProgram
from headrace.engines.probe import listens
from headrace.engines.service import Service
from headrace.errors import HeadraceError

DEFAULT_HEAP_MB = 512

MAXIMUM_RECORD_BYTES = 64 * 1024 * 1024
"""A row of 10 MB stands twice in an envelope, and JSON may double each."""

_NODE = 1


def kafka(folder: ProjectFolder, book: AddressBook, installation: Installation, heap_mb: int) -> Service:
    """A broker, formatted at its first start."""
    port = book.ports["kafka"]
    program = JavaProgram(
        engine="kafka",
        folder=folder,
        java=installation.java,
        classpath=installation.kafka_classpath,
        class_archive=installation.class_archives / "kafka.jsa",
        main="kafka.Kafka",
        heap_mb=heap_mb,
        initial_heap_mb=128,
        # A broker does little at a time: the quick compiler alone makes it fast sooner, and leaves the
        # processors to the engines that compute.
        options=("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:TieredStopAtLevel=1"),
        levels=(("org.apache.kafka.server.config", "ERROR"),),
        console=book.contained,
    )
    text = properties.render(settings(program, book))
    return Service(
        name="kafka",
        command=program.command(str(program.configuration / "server.properties")),
        prepare=lambda: _prepare(program, text),
        ready=lambda: waits_for(port),
        log=program.log,
        ports={name: book.ports[name] for name in ("kafka", "kafka_controller")},
        heap_mb=heap_mb,
        stop_timeout_s=20.0,
        start_timeout_s=120.0,
    )


def settings(program: JavaProgram, book: AddressBook) -> dict[str, object]:
    """The broker's configuration."""
    # The controller is the same process.
    controller = f"{LOOPBACK}:{book.ports['kafka_controller']}"
    listeners = {"PLAINTEXT": f"{book.bind}:{book.ports['kafka']}"}
    advertised = {"PLAINTEXT": book.address("kafka")}
    if book.kafka_outside is not None:
        listeners["OUTSIDE"] = f"{book.bind}:{book.ports['kafka_outside']}"
        advertised["OUTSIDE"] = book.kafka_outside
    listeners["CONTROLLER"] = controller
    return {
        "process.roles": "broker,controller",
        "node.id": _NODE,
        # Fixed voters rather than dynamic ones: the address may change between two starts.
        "controller.quorum.voters": f"{_NODE}@{controller}",
        "listeners": _listed(listeners),
        "advertised.listeners": _listed(advertised),
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
        "log.dirs": program.data / "log",
        # One node cannot replicate.
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # 50 partitions each, the default, make the first start slow.
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.num.partitions": 2,
        # A topic with the wrong partition count would break the order of a key: the plan makes topics.
        "auto.create.topics.enable": False,
        "message.max.bytes": MAXIMUM_RECORD_BYTES,
        "replica.fetch.max.bytes": MAXIMUM_RECORD_BYTES,
        # Freshness: the wait between two transactions of one producer, 20 ms by default.
        "add.partitions.to.txn.retry.backoff.ms": 1,
        "group.initial.rebalance.delay.ms": 0,
        # After a kill -9: how soon the dead are taken for dead.
        "group.min.session.timeout.ms": 1000,
        "broker.session.timeout.ms": 4000,
        "broker.heartbeat.interval.ms": 1000,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "initial.broker.registration.timeout.ms": 60000,
        # Sizes for one machine.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "metadata.log.segment.bytes": 16 * 1024 * 1024,
        "metadata.max.idle.interval.ms": 5000,
        "file.delete.delay.ms": 1000,
        "log.retention.check.interval.ms": 30000,
    }


def _listed(listeners: dict[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in listeners.items())


def _prepare(program: JavaProgram, text: str) -> None:
    program.prepare({"server.properties": text})
    storage = program.data / "log"
    if (storage / "meta.properties").exists():
        return
    answer = subprocess.run(
        [
            *(str(program.java), "-XX:TieredStopAtLevel=1"),
            *(f"@{program.configuration / 'java.args'}", "kafka.tools.StorageTool", "format"),
            *("--cluster-id", _cluster_id(), "--ignore-formatted"),
            *("--config", str(program.configuration / "server.properties")),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if answer.returncode != 0:
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        raise HeadraceError(
            "kafka-format-failed",
            "Kafka's data folder could not be made",
            cause=lines[-1] if lines else f"exit code {answer.returncode}",
            hint=f"see {program.log}; `headrace down --purge` removes what is there",
        )


def _cluster_id() -> str:
    """22 characters that do not begin with a dash, which would look like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


_SILENT = logging.getLogger("headrace.engines.kafka.probe")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


def waits_for(port: int) -> str | None:
    if not listens(port):
        return f"the broker on port {port}"
    try:
        # Only an unfenced broker lists itself.
        client = AdminClient(
            {"bootstrap.servers": f"127.0.0.1:{port}", "socket.timeout.ms": 2000}, logger=_SILENT
        )
        metadata = client.list_topics(timeout=2.0)
    except KafkaException:
        return "the broker's metadata"
    return None if _NODE in metadata.brokers else "the broker's registration"
