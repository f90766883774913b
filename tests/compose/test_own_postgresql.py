"""A PostgreSQL of somebody's own on this machine, read from the containers through the host's gateway."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from headrace.engines.compose.docker import Docker
from tests.compose.command import Project, left_behind
from tests.integration.source import servers

pytestmark = [pytest.mark.compose, pytest.mark.long, pytest.mark.timeout(1500)]

NAME = "composeown"
BRIDGES = "host all,replication all 172.16.0.0/12 scram-sha-256\n"


def test_it_is_read_with_the_rights_that_grants_prints(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_PASSWORD", "not a secret")
    project = Project(Path(tempfile.mkdtemp(prefix="headrace-compose-")))
    with servers.running("15", {"listen_addresses": "*"}) as server:
        server.recreate("shop")
        with (server.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(BRIDGES)
        (project.folder / "headrace.yaml").write_text(
            f"project: {NAME}\nsource:\n  host: 127.0.0.1\n  port: {server.port}\n  database: shop\n"
            "  user: flow\n  password: env:OWN_PASSWORD\ntables: [orders]\n"
        )
        with server.admin("shop") as admin:
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("CREATE TABLE orders (id bigint PRIMARY KEY, status text, amount numeric(12,2))")
            admin.execute("INSERT INTO orders SELECT i, 'new', i * 1.01 FROM generate_series(1, 2000) i")
            admin.execute("CREATE ROLE flow LOGIN PASSWORD 'not a secret'")
            admin.execute(project.run("grants").encode())
            try:
                project.run("up", "--target", "compose")
                assert "postgres" not in project.pids
                project.run("apply")
                assert source_rows(project) == 2000
                admin.execute("UPDATE orders SET status = 'paid' WHERE id % 2 = 0")
                admin.execute("DELETE FROM orders WHERE id > 1900")
                assert source_rows(project) == 1900
                project.run("destroy")
                (slots,) = admin.execute("SELECT count(*) FROM pg_replication_slots").fetchone() or ()
                assert slots == 0
            finally:
                project.run("down", "--purge")
    shutil.rmtree(project.folder)
    assert left_behind(docker, f"headrace-{NAME}") == []


def source_rows(project: Project) -> int:
    """Of the table, once `verify` has found it equal."""
    (orders,) = project.json("verify")["tables"]
    return orders["source_rows"]
