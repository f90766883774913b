"""The compose files: what is known of the engines, written for `docker compose` and `docker-compose`; pure.

Promise: each file works alone and with any others (they share a network and name no service of another
file), with Compose 1.29 and 2; nothing is published but on the host's loopback interface; no secret and no
default password is in them.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping

from ruamel.yaml import YAML

from headrace import __version__
from headrace.engines.compose.definitions import definition
from headrace.engines.compose.kafka_ui import kafka_ui
from headrace.engines.compose.roles import (
    DATA,
    GROUPS,
    PORTS,
    ROLES,
    Role,
    heap_variable,
    memory_variable,
    port_variable,
)

NETWORK = "headrace"
IMAGE = f"headrace:{__version__}"
ID_LABEL = "io.headrace.id"
"""Of everything made for one project folder: tells two projects of one name apart."""

ALL = "docker-compose.yml"

CHECK_EVERY_S = 30

_HEAD = """\
# {title}
# Written by `headrace compose render`; a test says when it differs from the engines' definitions.
# Values come from the environment or an env file: `headrace compose env` makes one, with random secrets.
"""

_TITLES: Mapping[str, str] = {
    "postgres": "PostgreSQL, the operational database, with logical decoding.",
    "kafka": "Kafka, Kafka Connect with Debezium, and kafka-ui to watch them.",
    "pinot": "Pinot (controller, broker and server in one process) and its ZooKeeper.",
    "spark": "Spark: the views as streaming queries.",
    "superset": "Superset: the dashboard.",
}


def files() -> dict[str, str]:
    """Name to text of every file: one for each group, and one with all of them."""
    made = {f"docker-compose-{group}.yml": render((group,), _TITLES[group]) for group in GROUPS}
    return {**made, ALL: render(GROUPS, "All systems of headrace.")}


def render(groups: Collection[str], title: str) -> str:
    """One file with these groups' services."""
    roles = [role for role in ROLES.values() if role.group in groups]
    services: dict[str, object] = {role.name: _service(role) for role in roles}
    if "kafka" in groups:
        services["kafka-ui"] = kafka_ui(NETWORK, _logging(), _labels())
    document = {
        "services": services,
        "networks": {NETWORK: {"labels": _labels()}},
        "volumes": {_volume(role): {"labels": _labels()} for role in roles},
    }
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(document, text)  # pyright: ignore[reportUnknownMemberType]
    return _HEAD.format(title=title) + text.getvalue()


def _service(role: Role) -> dict[str, object]:
    service = definition(role.name)
    environment = {"HEADRACE_PROJECT": "${HEADRACE_PROJECT:-headrace}"}
    if service.heap_mb:
        environment["HEADRACE_HEAP_MB"] = f"${{{heap_variable(role.name)}:-{service.heap_mb}}}"
    if role.name == "kafka":
        environment["HEADRACE_KAFKA_OUTSIDE"] = "127.0.0.1:" + _port("kafka", PORTS["kafka_outside"])
    for name in role.secrets:
        environment[name] = f"${{{name}:?run headrace compose env}}"
    for name in role.optional_secrets:
        environment[name] = f"${{{name}:-}}"
    found: dict[str, object] = {
        "image": f"${{HEADRACE_IMAGE:-{IMAGE}}}",
        "command": ["engine", role.name],
        "hostname": role.name,
        "environment": environment,
        "volumes": [f"{_volume(role)}:{DATA}"],
        "networks": [NETWORK],
        "ports": [
            f"127.0.0.1:{_port(name, PORTS[inside])}:{PORTS[inside]}"
            for name, inside in role.published.items()
        ],
        "healthcheck": {
            "test": ["CMD", "headrace", "engine", role.name, "--check"],
            "interval": f"{CHECK_EVERY_S}s",
            "timeout": "15s",
            "retries": 3,
            "start_period": f"{service.start_timeout_s:.0f}s",
        },
        "restart": "unless-stopped",
        "stop_signal": service.stop_signal.name,
        "stop_grace_period": f"{service.stop_timeout_s:.0f}s",
        "mem_limit": f"${{{memory_variable(role.name)}:-{service.heap_mb + role.besides_mb}m}}",
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - of the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": _logging(),
        "labels": _labels(),
    }
    if role.shared_mb:
        found["shm_size"] = f"{role.shared_mb}m"
    if role.name == "connect":
        # A PostgreSQL of the host's own.
        found["extra_hosts"] = ["host.docker.internal:host-gateway"]
    return found


def _port(name: str, default: int) -> str:
    return f"${{{port_variable(name)}:-{default}}}"


def _volume(role: Role) -> str:
    return f"{role.name}-data"


def _logging() -> dict[str, object]:
    return {"driver": "json-file", "options": {"max-size": "8m", "max-file": "2"}}


def _labels() -> dict[str, str]:
    return {ID_LABEL: "${HEADRACE_ID:-}"}
