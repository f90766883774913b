"""Every engine starts, serves what the rest relies on, survives kill -9 and ends when asked."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import httpx
import psycopg
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from headrace.engines import account, postgres
from headrace.engines.installation import Installation
from headrace.engines.zookeeper_client import ZooKeeperClient
from tests.integration.engines.running import RunningEngines

pytestmark = [pytest.mark.engines, pytest.mark.slow]

LOOPBACK = {"127.0.0.1", "::ffff:127.0.0.1"}


def test_all_serve_at_once(engines: RunningEngines) -> None:
    assert {name: service.ready() for name, service in engines.services.items()} == dict.fromkeys(
        engines.services
    )


def test_nothing_listens_for_other_machines(engines: RunningEngines) -> None:
    listening = engines.listening()
    assert all(listening.values()), "every engine listens somewhere"
    assert {address for addresses in listening.values() for address in addresses} <= LOOPBACK


def test_postgres_decodes_logically_and_asks_for_the_password(engines: RunningEngines) -> None:
    source = engines.endpoints.source
    with psycopg.connect(**source.conninfo()) as connection:
        settings = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN"
                " ('wal_level', 'max_replication_slots', 'max_wal_senders', 'listen_addresses', 'TimeZone',"
                "  'log_min_error_statement', 'log_error_verbosity', 'server_encoding')"
            ).fetchall()
        )
        assert connection.execute("SELECT current_database()").fetchone() == ("shop",)
    assert settings == {
        "wal_level": "logical",
        "max_replication_slots": "20",
        "max_wal_senders": "20",
        "listen_addresses": "127.0.0.1",
        "TimeZone": "UTC",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "server_encoding": "UTF8",
    }
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(**{**source.conninfo(), "password": "wrong"})


def test_postgres_logs_no_value_of_a_row(engines: RunningEngines) -> None:
    with psycopg.connect(**engines.endpoints.source.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE people (email text PRIMARY KEY, n int CHECK (n < 10))")
        connection.execute("INSERT INTO people VALUES ('ada@secret.example', 1)")
        for statement in (
            "INSERT INTO people VALUES ('ada@secret.example', 2)",
            "INSERT INTO people VALUES ('bob@secret.example', 11)",
            "SELECT 'eve@secret.example'::int",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
    assert "secret.example" not in engines.services["postgres"].log.read_text()


def test_kafka_has_the_settings_that_freshness_and_big_rows_need(engines: RunningEngines) -> None:
    client = AdminClient({"bootstrap.servers": engines.endpoints.kafka_bootstrap})
    resource = ConfigResource(ResourceType.BROKER, "1")
    found = client.describe_configs([resource])[resource].result(10)
    assert {name: found[name].value for name in EXPECTED_BROKER} == EXPECTED_BROKER


EXPECTED_BROKER = {
    "add.partitions.to.txn.retry.backoff.ms": "1",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(64 * 1024 * 1024),
    "transaction.state.log.replication.factor": "1",
    "group.initial.rebalance.delay.ms": "0",
}


def test_connect_offers_debezium_and_exactly_once(engines: RunningEngines) -> None:
    plugins = httpx.get(f"{engines.endpoints.connect_url}/connector-plugins", timeout=60).json()
    assert "io.debezium.connector.postgresql.PostgresConnector" in {plugin["class"] for plugin in plugins}
    configuration = engines.folder.root / "config" / "connect" / "worker.properties"
    assert "exactly.once.source.support=enabled" in configuration.read_text()


def test_connect_reads_our_secrets_and_no_other_file(engines: RunningEngines) -> None:
    def error_of(path: Path) -> str:
        answer = httpx.put(
            f"{engines.endpoints.connect_url}/connector-plugins/PostgresConnector/config/validate",
            json={
                "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                "name": "probe",
                "tasks.max": "1",
                "topic.prefix": "probe",
                "database.hostname": "127.0.0.1",
                "database.port": str(engines.ports["postgres"]),
                "database.user": engines.endpoints.source.user,
                "database.dbname": "shop",
                "database.password": f"${{file:{path}:password}}",
            },
            timeout=60,
        )
        values = {config["value"]["name"]: config["value"] for config in answer.json().get("configs", [])}
        errors = [text for value in values.values() for text in value["errors"]]
        return answer.text if answer.is_error else json.dumps(errors)

    allowed = engines.endpoints.source.password_file
    assert error_of(allowed) == "[]"
    outside = engines.folder.root / "outside.properties"
    shutil.copy(allowed, outside)
    assert "password" in error_of(outside)


def test_pinot_is_registered_under_names_that_outlive_its_ports(engines: RunningEngines) -> None:
    with ZooKeeperClient(engines.ports["zookeeper"]) as client:
        live = set(client.children("/headrace/LIVEINSTANCES"))
    assert {"Server_127.0.0.1_1", "Broker_127.0.0.1_1"} <= live
    answer = httpx.post(
        f"{engines.endpoints.pinot_broker_url}/query/sql", json={"sql": "SELECT 1"}, timeout=30
    )
    assert answer.status_code == 200


def test_secrets_and_logs_are_ours_alone(engines: RunningEngines) -> None:
    secrets = engines.folder.root / "secrets"
    files = [*secrets.iterdir(), *engines.folder.logs.glob("*.log")]
    assert files
    assert {path.stat().st_mode & 0o077 for path in (secrets, *files)} == {0}
    password = engines.endpoints.source.password
    texts = [path.read_text(errors="replace") for path in engines.folder.logs.iterdir()]
    assert not any(password in text for text in texts)


@pytest.mark.parametrize("name", ["postgres", "kafka", "connect", "pinot", "zookeeper"])
def test_serves_again_after_kill_9(engines: RunningEngines, name: str) -> None:
    engines.kill(name)
    assert engines.services[name].ready() is not None
    engines.start(name)
    assert "Found another instance" not in engines.services["pinot"].log.read_text()


def test_data_outlive_a_restart(engines: RunningEngines) -> None:
    with psycopg.connect(**engines.endpoints.source.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    engines.kill("postgres")
    engines.start("postgres")
    with psycopg.connect(**engines.endpoints.source.conninfo()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_each_ends_when_asked(engines: RunningEngines) -> None:
    """The last one: nothing runs any more."""
    for name in reversed(list(engines.services)):
        assert engines.stop(name), f"{name} had to be killed"


@pytest.mark.skipif(account.unprivileged() is None, reason="only root runs PostgreSQL as somebody else")
def test_a_project_below_a_folder_only_root_may_enter(installation: Installation) -> None:
    closed = Path(tempfile.mkdtemp(prefix="headrace-test-closed-"))  # mode 700
    directory = closed / "project"
    directory.mkdir()
    running = RunningEngines(directory, installation)
    try:
        running.start("postgres")
        with psycopg.connect(**running.endpoints.source.conninfo()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not (running.folder.root / "data" / "postgres").exists()
        place = postgres.placement(running.folder, installation.postgres_bin)
        assert place.cluster.is_relative_to(postgres.SHARED_FOLDER)
        assert running.stop("postgres")
        postgres.remove_data(running.folder)
        assert not place.cluster_parent.exists()
    finally:
        running.close()
        postgres.remove_data(running.folder)
        shutil.rmtree(closed)
