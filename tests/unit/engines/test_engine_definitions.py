from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.engines import jvm, kafka, pinot
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.service import Service
from headrace.engines.stack import DEFAULT_HEAPS_MB, PORT_NAMES, endpoints, port_names, stack
from headrace.engines.superset import superset
from headrace.engines.superset_install import SupersetInstallation
from headrace.errors import HeadraceError

PORTS = {name: 20_000 + at for at, name in enumerate(PORT_NAMES)}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Paths only: a definition reads nothing of what they point to."""
    return Installation(
        home=tmp_path,
        postgres_bin=tmp_path / "bin",
        kafka_classpath="/engines/kafka.jar",
        connect_classpath="/engines/kafka.jar:/engines/connect.jar",
        connect_plugin_path=tmp_path / "debezium",
        pinot_classpath="/engines/pinot.jar",
        spark_classpath="/engines/spark.jar",
        headrace_java=tmp_path / "java",
        class_archives=tmp_path / "archives",
        java=Path("/usr/bin/java"),
        jdk_major=17,
    )


def _superset(directory: Path) -> Service:
    """Its definition needs no finished installation, but `stack` refuses to begin without one."""
    return superset(ProjectFolder.of(directory), "shop", AddressBook(PORTS), SupersetInstallation(directory))


def test_a_dashboard_needs_superset_installed(tmp_path: Path, installation: Installation) -> None:
    with pytest.raises(HeadraceError, match="not installed") as caught:
        stack("shop", tmp_path, PORTS, installation, optional={"superset"})
    assert "--with superset" in (caught.value.hint or "")


def test_dependencies_come_first_and_every_port_has_one_owner(
    tmp_path: Path, installation: Installation
) -> None:
    services = [*stack("shop", tmp_path, PORTS, installation, optional={"spark"}), _superset(tmp_path)]
    seen = set[str]()
    for service in services:
        assert set(service.depends_on) <= seen
        seen.add(service.name)
    owned = [name for service in services for name in service.ports]
    assert sorted(owned) == sorted(PORT_NAMES)


def test_what_a_killed_life_left_in_its_temporary_folder_goes_at_the_next(
    tmp_path: Path, installation: Installation
) -> None:
    kafka = next(s for s in stack("shop", tmp_path, PORTS, installation) if s.name == "kafka")
    left = tmp_path / ".headrace" / "data" / "kafka" / "tmp" / "left"
    left.mkdir(parents=True)
    with pytest.raises(HeadraceError):  # its storage cannot be formatted without a JDK of the installation
        kafka.prepare()
    assert left.parent.exists()
    assert not left.exists()


def test_without_embedded_source_there_is_no_postgres(tmp_path: Path, installation: Installation) -> None:
    services = stack("shop", tmp_path, PORTS, installation, embedded_source=False)
    assert "postgres" not in {service.name for service in services}


def test_an_optional_engine_is_there_when_it_is_asked_for(tmp_path: Path, installation: Installation) -> None:
    assert "spark" not in {service.name for service in stack("shop", tmp_path, PORTS, installation)}
    assert "spark" not in port_names()
    assert set(port_names({"spark"})) - set(port_names()) == {"spark"}
    services = stack("shop", tmp_path, PORTS, installation, optional={"spark"})
    assert [service.name for service in services][-1] == "spark"
    with pytest.raises(ValueError, match="nonesuch"):
        stack("shop", tmp_path, PORTS, installation, optional={"nonesuch"})


def test_heaps_are_stated_and_can_be_changed(tmp_path: Path, installation: Installation) -> None:
    services = stack(
        "shop", tmp_path, PORTS, installation, {"pinot": 4096}, embedded_source=False, optional={"spark"}
    )
    assert {service.name: service.heap_mb for service in services} == {**DEFAULT_HEAPS_MB, "pinot": 4096}
    assert all(f"-Xmx{service.heap_mb}m" in service.command for service in services)


@pytest.mark.parametrize(("cores", "choice"), [(2, True), (8, False)])
def test_on_few_cores_pinots_optimizing_compiler_keeps_to_the_path_of_a_row(
    cores: int, choice: bool, tmp_path: Path, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    services = stack("shop", tmp_path, PORTS, installation, embedded_source=False)
    next(service for service in services if service.name == "pinot").prepare()
    folder = tmp_path / ".headrace" / "config" / "pinot"
    arguments = (folder / "java.args").read_text()

    assert ("CompilerDirectivesFile" in arguments) is choice
    if choice:
        named, others = json.loads((folder / "compiler.json").read_text())
        assert "io/headrace/pinot/*.*" in named["match"]
        assert named["c2"] == {"Exclude": False}
        assert others == {"match": ["*.*"], "c2": {"Exclude": True}}


def test_a_heap_for_what_is_no_engine_is_refused(tmp_path: Path, installation: Installation) -> None:
    with pytest.raises(HeadraceError, match="no engine flink"):
        stack("shop", tmp_path, PORTS, installation, {"flink": 1})


def test_a_path_kafka_would_cut_is_refused(tmp_path: Path, installation: Installation) -> None:
    (tmp_path / "a,b").mkdir()
    with pytest.raises(HeadraceError) as caught:
        stack("shop", tmp_path / "a,b", PORTS, installation)
    assert caught.value.code == "directory-not-usable"


def test_no_engine_listens_for_others(tmp_path: Path, installation: Installation) -> None:
    for service in stack("shop", tmp_path, PORTS, installation, embedded_source=False):
        if service.name != "kafka":  # its preparation needs Kafka
            service.prepare()
    configurations = tmp_path / ".headrace" / "config"
    text = "".join(path.read_text() for path in configurations.rglob("*") if path.is_file())
    for name in ("zookeeper", "connect", "pinot_controller", "pinot_broker", "pinot_server_admin"):
        assert str(PORTS[name]) in text
    assert text.count("access.protocols.http.host=127.0.0.1") == 3
    assert "clientPortAddress=127.0.0.1" in text
    assert "listeners=http\\://127.0.0.1" in text
    assert "0.0.0.0" not in text


def test_the_password_is_in_no_argument_and_in_no_configuration(
    tmp_path: Path, installation: Installation
) -> None:
    password = endpoints("shop", tmp_path, PORTS).source.password
    for service in stack("shop", tmp_path, PORTS, installation, embedded_source=False):
        assert not any(password in argument for argument in service.command)
        assert password not in str(dict(service.environment))
    assert password not in repr(endpoints("shop", tmp_path, PORTS))


def test_messages_with_row_values_are_filtered_from_pinots_log(
    tmp_path: Path, installation: Installation
) -> None:
    program = jvm.render_log4j(tmp_path / "pinot.log", (), (r"(?s).*a <b> & 'c'.*",))
    assert "DENY" in program
    assert "&lt;b&gt; &amp; " in program


def test_one_record_may_hold_a_row_of_ten_megabytes_twice() -> None:
    assert kafka.MAXIMUM_RECORD_BYTES >= 2 * 2 * 10_000_000


def test_pinots_ports_are_among_the_stacks() -> None:
    assert set(pinot.PORTS) <= set(PORT_NAMES)
