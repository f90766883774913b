"""A PostgreSQL of somebody's own, of every version there is here, from `grants` to `destroy`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from headrace.engines.runtime import down
from tests.integration.source import servers
from tests.integration.source.servers import BINARIES, CERTIFICATE, Server, installed

pytestmark = [pytest.mark.engines, pytest.mark.slow]

PASSWORD = "not a secret"
TABLE = """
CREATE TABLE orders (id bigint PRIMARY KEY, status text, amount numeric(12,2), tags text[],
                     placed timestamptz, note jsonb, large text)"""
ROWS = """
INSERT INTO orders SELECT i, 'new', i * 1.01, ARRAY['a', 'b'], now(), '{"a": 1}', repeat('x', 9000)
FROM generate_series(1, 2000) i"""
OWN = [pytest.param(version, marks=[] if version == "15" else pytest.mark.long) for version in BINARIES]


@pytest.fixture(params=OWN)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with installed(request.param, tls=True) as found:
        yield found


@pytest.fixture
def folder(server: Server) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="headrace-test-own-"))
    (made / "headrace.yaml").write_text(
        f"project: own\nsource:\n  host: 127.0.0.1\n  port: {server.port}\n  database: shop\n"
        "  user: flow\n  password: env:OWN_PASSWORD\n  sslmode: verify-full\n  sslrootcert: ca.pem\n"
        "tables: [orders]\n"
    )
    shutil.copy(server.folder / CERTIFICATE, made / "ca.pem")
    yield made
    down(made, purge=True)
    shutil.rmtree(made)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headrace", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OWN_PASSWORD": PASSWORD},
        check=False,
    )


@contextmanager
def another_authority(folder: Path) -> Iterator[None]:
    """The project trusts somebody else's certificates meanwhile."""
    place, trusted = servers.folder(), folder / "ca.pem"
    ours = trusted.read_bytes()
    try:
        _, certificate = servers.self_signed(place)
        trusted.write_bytes(certificate.read_bytes())
        yield
    finally:
        trusted.write_bytes(ours)
        shutil.rmtree(place)


def headrace(folder: Path, *arguments: str) -> str:
    answer = run(folder, *arguments)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert PASSWORD not in answer.stdout + answer.stderr
    return answer.stdout


def rows_found_equal(folder: Path) -> int:
    (orders,) = json.loads(headrace(folder, "verify", "--json"))["tables"]
    assert orders["exact"]
    return orders["source_rows"]


def encrypted(admin: psycopg.Connection) -> bool:
    """Whether every session of the role is, the connector's among them."""
    row = admin.execute(
        "SELECT bool_and(ssl), count(*) FILTER (WHERE backend_type = 'walsender')"
        " FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'flow'"
    ).fetchone()
    return row == (True, 1)


def made_by_headrace(admin: psycopg.Connection) -> object:
    """Slots, publications, and the replica identity of the table."""
    return admin.execute(
        "SELECT (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_publication),"
        " (SELECT relreplident::text FROM pg_class WHERE oid = 'orders'::regclass)"
    ).fetchone()


def test_it_is_followed_with_the_rights_that_grants_prints(server: Server, folder: Path) -> None:
    server.recreate("shop")
    with server.admin("shop") as admin:
        admin.execute(TABLE)
        admin.execute(ROWS)
        admin.execute(f"CREATE ROLE flow LOGIN PASSWORD '{PASSWORD}'".encode())
        with another_authority(folder):
            told = run(folder, "grants").stderr  # it goes on without having asked
            assert "the server's certificate was not accepted" in told, told
        admin.execute(headrace(folder, "grants").encode())

        headrace(folder, "up", "--no-apply")
        assert "identity:" in headrace(folder, "plan")
        assert made_by_headrace(admin) == (0, 0, "d")
        headrace(folder, "apply", "--yes")
        assert rows_found_equal(folder) == 2000
        assert encrypted(admin)
        admin.execute("UPDATE orders SET status = 'paid', tags = '{}' WHERE id % 2 = 0")
        admin.execute("UPDATE orders SET id = id + 10000 WHERE id <= 10")
        admin.execute("DELETE FROM orders WHERE id BETWEEN 1901 AND 2000")
        assert rows_found_equal(folder) == 1900

    server.stop_for(10)  # the connector is started again and again meanwhile
    with server.admin("shop") as admin:
        admin.execute("UPDATE orders SET status = 'sent' WHERE id % 3 = 0")
        assert rows_found_equal(folder) == 1900
        admin.execute("TRUNCATE orders")
        assert rows_found_equal(folder) == 0
        headrace(folder, "destroy", "--yes")
        assert made_by_headrace(admin) == (0, 0, "d")
