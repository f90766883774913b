"""What a server must be and allow: every case on a real server, and the grants that cure it."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from headrace.contract import TableContract
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.grants import Provider, grants, provider, read_owners
from headrace.hops.source.preflight import preflight
from headrace.hops.source.resource import Publication, ReplicaIdentity
from headrace.hops.source.slot import drop_slot
from headrace.names import TableName
from tests.integration.source import servers
from tests.integration.source.servers import OWNER, Server

T = TableName("public", "t")
PGBOUNCER = Path("/usr/sbin/pgbouncer")


def codes(address: SourceAddress, *tables: TableName, new_slots: int = 1) -> list[str]:
    found = preflight(address, tables, new_slots=new_slots)
    assert all(problem.hint and problem.summary for problem in found.problems)
    return [problem.code for problem in found.problems]


def test_a_good_server(client: SourceClient, address: SourceAddress) -> None:
    client.execute("CREATE TABLE t (id int PRIMARY KEY)")
    found = preflight(address, [T])
    assert found.problems == ()
    assert [alert.code for alert in found.advice] == ["wal-unbounded"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"port": 1}, "source-unreachable"),
        ({"host": "nowhere.invalid"}, "source-unknown-host"),
        ({"database": "nowhere"}, "source-unknown-name"),
        ({"user": "nobody_at_all"}, "source-unknown-name"),
        ({"sslmode": "require"}, "source-ssl-unsupported"),
    ],
)
def test_no_connection(server: Server, change: dict[str, object], code: str) -> None:
    assert codes(replace(server.address("postgres"), **change)) == [code]


def test_passwords_and_admission() -> None:
    with servers.running("18") as server:
        with server.admin() as admin:
            admin.execute("CREATE ROLE app LOGIN PASSWORD 'right'; CREATE ROLE stranger LOGIN")
        rules = "host all admin 127.0.0.1/32 trust\nhost all app 127.0.0.1/32 scram-sha-256\n"
        (server.folder / "data" / "pg_hba.conf").write_text(rules)
        with server.admin() as admin:
            admin.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 60
        while codes(server.address("postgres", "app", "wrong")) != ["source-password-wrong"]:
            assert time.monotonic() < deadline, codes(server.address("postgres", "app", "wrong"))
            time.sleep(0.1)
        assert codes(server.address("postgres", "app", "")) == ["source-password-missing"]
        assert codes(server.address("postgres", "stranger", "x")) == ["source-not-admitted"]
        assert "source-no-replication" in codes(server.address("postgres", "app", "right"))
        (problem, *_) = preflight(server.address("postgres", "app", "wrong")).problems
        assert "wrong" not in f"{problem.cause}{problem.hint}"


def test_everything_wrong_at_once() -> None:
    settings = {"wal_level": "replica", "max_replication_slots": "1", "max_wal_senders": "1"}
    with servers.running("18", settings) as server:
        address = server.recreate("ascii")
        with server.admin("ascii") as admin:
            admin.execute("CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE app LOGIN")
            admin.execute("SELECT pg_create_physical_replication_slot('taken')")
            admin.execute("ALTER ROLE app SET default_transaction_read_only = on")
        found = codes(servers.as_user(address, "app"), T, new_slots=2)
        assert found == [
            "source-read-only",
            "wal-level-not-logical",
            "source-no-free-slot",
            "source-no-free-walsender",
            "source-no-publication-right",
            "source-not-owner",
        ]


def test_advice() -> None:
    settings = {"idle_replication_slot_timeout": "1h", "max_slot_wal_keep_size": "1GB"}
    with servers.running("18", {**settings, "max_replication_slots": "1"}) as server:
        found = preflight(server.address("postgres"))
        assert found.problems == ()
        assert [alert.code for alert in found.advice] == ["slot-idle-timeout", "few-slots"]


def test_a_standby(server: Server, request: pytest.FixtureRequest) -> None:
    binaries = servers.BINARIES[server.version]
    if not (binaries / "pg_basebackup").exists():
        pytest.skip(f"PostgreSQL {server.version} is here without pg_basebackup")
    place = servers.folder()
    conninfo = f"host=127.0.0.1 port={server.port} user=admin"
    servers.run(
        binaries / "pg_basebackup",
        "-d",
        conninfo,
        "-D",
        place / "data",
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
        cwd=place,
    )
    with servers.running(server.version, data=place / "data") as standby:
        assert codes(standby.address("postgres")) == ["source-is-standby"]


@pytest.mark.parametrize("ignored", ["", "options"])
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_is_refused(server: Server, mode: str, ignored: str) -> None:
    if not PGBOUNCER.exists():
        pytest.skip("pgbouncer is not installed")
    place, port = servers.folder(), servers.free_port()
    settings = place / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port} user=admin\n[pgbouncer]\n"
        f"listen_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\npool_mode={mode}\nunix_socket_dir=\n"
        f"ignore_startup_parameters={ignored}\n"
    )
    log = (place / "log").open("wb")
    pooler = subprocess.Popen([PGBOUNCER, settings], stdout=log, stderr=log, **servers.identity())
    try:
        address = replace(server.address("postgres"), port=port)
        deadline = time.monotonic() + 20
        while (found := codes(address)) == ["source-unreachable"]:
            assert time.monotonic() < deadline, (place / "log").read_text()
            time.sleep(0.1)
        assert found == ["source-transaction-pooler"]
    finally:
        pooler.terminate()
        pooler.wait(20)
        log.close()
        shutil.rmtree(place, ignore_errors=True)


def test_publications_of_others_that_would_break_writes(client: SourceClient, address: SourceAddress) -> None:
    version = client.connection.info.server_version
    if version < 150000:
        pytest.skip("column lists came with 15")
    client.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n int, g int GENERATED ALWAYS AS (n) STORED);"
        "INSERT INTO t VALUES (1, 1); CREATE PUBLICATION narrow FOR TABLE t (id)"
    )
    expected = ["source-column-list-publication"]
    if version >= 180000:
        expected += ["source-generated-column-publication"]
    assert codes(address, T) == expected
    ReplicaIdentity(client, T).apply()
    with pytest.raises(psycopg.Error, match="cannot update table"):
        client.execute("UPDATE t SET n = 2")


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("owner", ["app_owner", "admin"])
def test_grants_are_enough_and_no_more(server: Server, owner: str, asked: bool) -> None:
    """The printed SQL, run as printed, lets the role do all that headrace does, and nothing it should not."""
    address = server.recreate("grants")
    mine = servers.as_user(address, "Flow")
    with server.admin("grants") as admin:
        admin.execute('DROP ROLE IF EXISTS "Flow", "Flow_tables", app_owner')
        admin.execute("CREATE ROLE app_owner LOGIN")
        admin.execute(
            "CREATE SCHEMA sales; CREATE TABLE t (id int PRIMARY KEY);"
            "CREATE TABLE sales.p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
            "CREATE TABLE sales.p1 PARTITION OF sales.p FOR VALUES FROM (0) TO (9);"
            "CREATE TABLE secret (id int PRIMARY KEY); INSERT INTO t VALUES (1)"
        )
        for table in ("t", "sales.p", "sales.p1"):
            admin.execute(sql.SQL(f"ALTER TABLE {table} OWNER TO {owner}"))
        tables = [T, TableName("sales", "p")]
        with SourceClient.connect(address) as client:
            owners = read_owners(client, tables) if asked else None
            assert provider(client) is Provider.SELF
        statements = grants("Flow", "grants", tables, owners)
        for _ in range(2):
            admin.execute("\n".join(statements).encode())
        if owner == "app_owner":
            assert not any("Flow_tables" in line for line in statements if not line.startswith("DO"))
    try:
        assert codes(mine, *tables) == []
        with SourceClient.connect(mine) as client:
            contracts = [TableContract(table, table.table, ("id",), ()) for table in tables]
            identities = [ReplicaIdentity(client, table, "default") for table in tables]
            for resource in (*identities, Publication(client, "headrace_shop_1", contracts, OWNER)):
                resource.apply()
                assert resource.read() == resource.desired
            assert client.value("SELECT count(*) FROM t") == 1
            client.execute("SELECT pg_create_logical_replication_slot('headrace_grants_1', 'pgoutput')")
            drop_slot(client, "headrace_grants_1")
            for forbidden in ("SELECT * FROM secret", "CREATE ROLE r", "SELECT pg_read_file('/etc/passwd')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    client.execute(forbidden)  # pyright: ignore[reportArgumentType]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                client.execute("SET ROLE admin")
            Publication(client, "headrace_shop_1", contracts, OWNER).delete()
            for resource in identities:
                resource.delete()
                assert resource.read() == {"identity": "default"}
    finally:
        with server.admin("grants") as admin:
            admin.execute("DROP SCHEMA sales CASCADE; DROP TABLE t")
            for role in ("Flow", "Flow_tables"):
                if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None:
                    admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            admin.execute('DROP ROLE IF EXISTS "Flow", "Flow_tables", app_owner')


def test_without_grants_the_failures_say_what_to_do(server: Server) -> None:
    address = server.recreate("no_grants")
    with server.admin("no_grants") as admin:
        admin.execute("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN; CREATE TABLE t (id int PRIMARY KEY)")
    mine = servers.as_user(address, "poor")
    found = codes(mine, T)
    assert found == ["source-no-replication", "source-no-publication-right", "source-not-owner"]
    contract = TableContract(T, "t", ("id",), ())
    with SourceClient.connect(mine) as client:
        for resource, code in (
            (ReplicaIdentity(client, T), "source-not-owner"),
            (Publication(client, "headrace_shop_1", [contract], OWNER), "source-no-publication-right"),
        ):
            with pytest.raises(HeadraceError) as caught:
                resource.apply()
            assert caught.value.code == code
            assert "headrace grants" in str(caught.value.hint)


def test_grants_for_managed_servers() -> None:
    text = "\n".join(grants("r", "d", [T], None, runs_it=Provider.RDS))
    assert 'GRANT rds_replication TO "r";' in text
    assert "REPLICATION;" not in text
