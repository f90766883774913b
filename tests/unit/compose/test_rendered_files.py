from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from headrace.engines.compose import kafka_ui
from headrace.engines.compose.definitions import definition
from headrace.engines.compose.render import ALL, files
from headrace.engines.compose.roles import GROUPS, PORTS, ROLES
from headrace.engines.stack import ENGINES, PORT_NAMES

COMMITTED = Path(__file__).parents[3] / "deploy" / "compose"
FILES = files()


def _document(name: str) -> dict[str, Any]:
    return YAML(typ="safe").load(FILES[name])


def _services() -> dict[str, dict[str, Any]]:
    return _document(ALL)["services"]


def test_the_committed_files_are_what_the_definitions_say() -> None:
    committed = {path.name: path.read_text() for path in COMMITTED.glob("*.yml")}
    assert committed == FILES, "run `headrace compose render`"


def test_every_engine_has_a_container_and_every_group_a_file() -> None:
    assert ROLES.keys() == set(ENGINES)
    assert _services().keys() == {*ROLES, kafka_ui.SERVICE}
    assert FILES.keys() == {ALL, *(f"docker-compose-{group}.yml" for group in GROUPS)}


def test_the_file_of_all_holds_what_the_others_hold() -> None:
    together: dict[str, Any] = {}
    for group in GROUPS:
        together |= _document(f"docker-compose-{group}.yml")["services"]
    assert together == _services()


@pytest.mark.parametrize("name", FILES)
def test_a_file_needs_no_other(name: str) -> None:
    document = _document(name)
    for service in document["services"].values():
        assert "depends_on" not in service
        assert set(service["networks"]) <= document["networks"].keys()
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert named <= document["volumes"].keys()


@pytest.mark.parametrize("name", ROLES)
def test_every_service_is_bounded_and_closed(name: str) -> None:
    service = _services()[name]
    assert all(port.startswith("127.0.0.1:${HEADRACE_PORT_") for port in service["ports"])
    assert re.fullmatch(r"\$\{HEADRACE_MEMORY_[A-Z]+:-\d+m\}", service["mem_limit"])
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][-1] == "--check"
    assert "user" not in service  # the image's own, which is not root
    assert service["stop_grace_period"] == f"{definition(name).stop_timeout_s:.0f}s"


def test_a_containers_limit_leaves_room_for_its_heap() -> None:
    for name, service in _services().items():
        if name in ROLES:
            default = int(service["mem_limit"].rpartition(":-")[2].removesuffix("m}"))
            assert default >= definition(name).heap_mb + 256


def test_no_secret_has_a_default() -> None:
    text = "".join(FILES.values())
    for role in ROLES.values():
        for secret in role.secrets:
            assert f"{secret}: ${{{secret}:?" in text
    assert not re.search(r"(PASSWORD|KEY):? [^$]", text)


def test_what_is_published_is_what_headrace_asks_for() -> None:
    published = [name for role in ROLES.values() for name in role.published]
    assert len(set(published)) == len(published)
    assert set(published) <= set(PORT_NAMES)
    assert {inside for role in ROLES.values() for inside in role.published.values()} <= PORTS.keys()


# Of kafbat's ClustersProperties and Spring's own, in the form environment variables have.
KAFKA_UI_SETTINGS = re.compile(
    r"KAFKA_CLUSTERS_\d+_(NAME|BOOTSTRAPSERVERS|READONLY|KAFKACONNECT_\d+_(NAME|ADDRESS))"
    r"|DYNAMIC_CONFIG_ENABLED|SERVER_PORT|JAVA_OPTS"
)


def test_kafka_ui_is_told_what_it_knows_and_may_only_look() -> None:
    told = kafka_ui.settings()
    assert all(KAFKA_UI_SETTINGS.fullmatch(name) for name in told)
    assert told["KAFKA_CLUSTERS_0_READONLY"] == "${HEADRACE_KAFKA_UI_READONLY:-true}"
    host, _, port = told["KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"].partition(":")
    assert (host in ROLES, int(port)) == (True, PORTS["kafka"])
    address = told["KAFKA_CLUSTERS_0_KAFKACONNECT_0_ADDRESS"]
    assert address == f"http://connect:{PORTS['connect']}"


def test_kafka_ui_may_be_left_out() -> None:
    assert _services()[kafka_ui.SERVICE]["profiles"] == [kafka_ui.PROFILE]
    assert ":latest" not in kafka_ui.IMAGE
