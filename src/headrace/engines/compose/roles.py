"""What a container of each engine is told and may use: the one table that files, entrypoint and `up` read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.address_book import AddressBook

DATA = Path("/headrace")
"""The project's folder in a container: a volume, with `.headrace` in it as beside a headrace.yaml."""

PORTS: Mapping[str, int] = {
    "postgres": 5432,
    "kafka": 9092,
    "kafka_controller": 9093,
    "kafka_outside": 9094,
    "connect": 8083,
    "zookeeper": 2181,
    "pinot_controller": 9000,
    "pinot_broker": 8099,
    "pinot_server": 8098,
    "pinot_server_admin": 8097,
    "spark": 8090,
    "superset": 8088,
}
"""Where engines listen inside their containers; the field's usual numbers."""

KAFKA_UI = "kafka_ui"
KAFKA_UI_PORT = 8080

SOURCE_PASSWORD = "HEADRACE_SOURCE_PASSWORD"  # noqa: S105 - names of variables
MASK_KEY = "HEADRACE_MASK_KEY"
SUPERSET_PASSWORD = "HEADRACE_SUPERSET_PASSWORD"  # noqa: S105
SUPERSET_KEY = "HEADRACE_SUPERSET_KEY"
SOURCE_CA = "HEADRACE_SOURCE_CA"


@dataclass(frozen=True)
class Role:
    """What a container of one engine is told and may use, beside what the engine's definition says.

    Attributes:
        name: the engine's, which is also the service's and the host name others call.
        group: of `docker-compose-GROUP.yml`.
        published: name of a port by which headrace on the host knows it, to the name of the port inside.
        secrets: variables it must be given.
        optional_secrets: variables it may be given.
        besides_mb: memory it needs beside its heap, the kernel's cache of its files not counted.
        shared_mb: of shared memory, where the default is not enough.
    """

    name: str
    group: str
    published: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    optional_secrets: tuple[str, ...] = ()
    besides_mb: int = 512
    shared_mb: int = 0


ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(
            "postgres",
            "postgres",
            {"postgres": "postgres"},
            secrets=(SOURCE_PASSWORD,),
            besides_mb=1024,
            shared_mb=256,
        ),
        Role("zookeeper", "pinot", {"zookeeper": "zookeeper"}, besides_mb=256),
        Role("kafka", "kafka", {"kafka": "kafka_outside"}),
        Role(
            "pinot",
            "pinot",
            {name: name for name in ("pinot_controller", "pinot_broker", "pinot_server_admin")},
            # Segments that are being written lie outside the heap.
            besides_mb=2560,
        ),
        Role(
            "connect",
            "kafka",
            {"connect": "connect"},
            secrets=(SOURCE_PASSWORD, MASK_KEY),
            optional_secrets=(SOURCE_CA,),
        ),
        # RocksDB's memory lies outside the heap.
        Role("spark", "spark", {"spark": "spark"}, besides_mb=1408),
        Role(
            "superset",
            "superset",
            {"superset": "superset"},
            secrets=(SUPERSET_PASSWORD, SUPERSET_KEY),
            besides_mb=1024,
        ),
    )
}
"""By name, in an order in which they can be started."""

GROUPS = ("postgres", "kafka", "pinot", "spark", "superset")
"""Of systems that people start together; a file each."""


def port_variable(port_name: str) -> str:
    """The variable that says at which port of the host's loopback interface a port is published."""
    return f"HEADRACE_PORT_{port_name.upper()}"


def heap_variable(role: str) -> str:
    return f"HEADRACE_HEAP_MB_{role.upper()}"


def memory_variable(role: str) -> str:
    return f"HEADRACE_MEMORY_{role.upper()}"


def book(kafka_outside: str | None = None) -> AddressBook:
    """The addresses inside: every engine is called by its service's name.

    Args:
        kafka_outside: where the host's clients find the broker.
    """
    return AddressBook(PORTS, {name: name for name in ROLES}, contained=True, kafka_outside=kafka_outside)
