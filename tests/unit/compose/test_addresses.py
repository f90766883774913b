from __future__ import annotations

from pathlib import Path

import pytest

from headrace.endpoints import SourceAddress
from headrace.engines import kafka
from headrace.engines.address_book import AddressBook
from headrace.engines.compose.addresses import endpoints
from headrace.engines.compose.definitions import definition
from headrace.engines.compose.roles import PORTS, ROLES, book
from headrace.engines.folder import ProjectFolder
from headrace.engines.jvm import JavaProgram, render_log4j

PORTS_OUTSIDE = {name: 20_000 + at for at, name in enumerate(PORTS)}


def _source(host: str, rootcert: str | None = None) -> SourceAddress:
    return SourceAddress(host, 5432, "erp", "reader", "pw", Path("/x"), sslrootcert=rootcert)


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    found = ProjectFolder.of(tmp_path)
    found.create("shop")
    return found


def test_engines_are_told_names_and_headrace_uses_the_published_ports(folder: ProjectFolder) -> None:
    found = endpoints("shop", folder, PORTS_OUTSIDE)
    assert found.kafka_bootstrap == f"127.0.0.1:{PORTS_OUTSIDE['kafka']}"
    inside = found.for_engines
    assert inside.kafka_bootstrap == "kafka:9092"
    assert inside.pinot_broker_url == "http://pinot:8099"
    assert (inside.source.host, inside.source.port) == ("postgres", 5432)
    assert inside.source.password_file == Path("/headrace/.headrace/secrets/source.properties")
    assert found.source.password == inside.source.password


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_postgresql_of_this_machine_is_reached_through_the_host(folder: ProjectFolder, host: str) -> None:
    found = endpoints("shop", folder, PORTS_OUTSIDE, _source(host))
    assert found.source.host == host
    assert found.for_engines.source.host == "host.docker.internal"
    assert found.for_engines.source.port == 5432


def test_a_postgresql_elsewhere_keeps_its_name(folder: ProjectFolder) -> None:
    found = endpoints("shop", folder, PORTS_OUTSIDE, _source("db.example.org", "/etc/ca.pem"))
    assert found.for_engines.source.host == "db.example.org"
    assert found.for_engines.source.sslrootcert == "/headrace/.headrace/secrets/source-ca.pem"
    assert found.source.sslrootcert == "/etc/ca.pem"


def test_natively_both_views_are_one(folder: ProjectFolder) -> None:
    from headrace.engines import stack

    found = stack.endpoints("shop", folder.directory, PORTS_OUTSIDE)
    assert found.for_engines is found


def _program(tmp_path: Path) -> JavaProgram:
    return JavaProgram("kafka", ProjectFolder(tmp_path), Path("java"), "", "kafka.Kafka", 512, 128)


def test_the_broker_tells_each_side_the_address_it_can_reach(tmp_path: Path) -> None:
    settings = kafka.settings(_program(tmp_path), book("127.0.0.1:29593"))
    assert settings["advertised.listeners"] == "PLAINTEXT://kafka:9092,OUTSIDE://127.0.0.1:29593"
    listeners = str(settings["listeners"]).split(",")
    assert listeners[:2] == ["PLAINTEXT://0.0.0.0:9092", "OUTSIDE://0.0.0.0:9094"]
    assert listeners[2] == "CONTROLLER://127.0.0.1:9093"


def test_natively_the_broker_has_one_listener_on_loopback(tmp_path: Path) -> None:
    settings = kafka.settings(_program(tmp_path), AddressBook({"kafka": 1, "kafka_controller": 2}))
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1"


def test_in_a_container_an_engines_log_is_its_console() -> None:
    text = render_log4j(None, (), (r".*secret.*",))
    assert "SYSTEM_OUT" in text
    assert "RollingFile" not in text
    assert ".*secret.*" in text


@pytest.mark.parametrize("role", ROLES)
def test_an_engine_waits_for_engines_that_are_containers_too(role: str) -> None:
    assert set(definition(role).depends_on) <= ROLES.keys()
