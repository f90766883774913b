"""`headrace grants` on somebody's own server: what it prints is what makes preflight pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.hops.source.preflight import preflight
from headrace.names import TableName
from tests.integration.source import servers
from tests.integration.source.servers import Server


def grants(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from headrace.cli.main import run; run()"
    command = [sys.executable, "-c", code, "grants", "--project-dir", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("role_exists", [True, False])
def test_what_it_prints_is_enough(server: Server, tmp_path: Path, role_exists: bool) -> None:
    address = server.recreate("cli_grants")
    with server.admin("cli_grants") as admin:
        admin.execute("DROP ROLE IF EXISTS cli_flow, cli_flow_tables")
        admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
        if role_exists:
            admin.execute("CREATE ROLE cli_flow LOGIN")
        (tmp_path / "headrace.yaml").write_text(
            f"project: shop\nsource:\n  host: 127.0.0.1\n  port: {server.port}\n  database: cli_grants\n"
            "  user: cli_flow\ntables: [t]\n"
        )
        done = grants(tmp_path)
        assert done.returncode == 0, done.stderr
        assert ("the source was not asked" in done.stderr) is not role_exists
        admin.execute(done.stdout.encode())
        try:
            mine = servers.as_user(address, "cli_flow")
            assert preflight(mine, [TableName("public", "t")]).problems == ()
            document = json.loads(grants(tmp_path, "--json").stdout)
            assert document["ok"] is True
            assert any("GRANT SELECT" in statement for statement in document["statements"])
        finally:
            admin.execute("DROP TABLE t")
            for role in ("cli_flow", "cli_flow_tables"):
                admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_the_embedded_server_needs_none(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text("project: shop\ntables: [t]\n")
    done = grants(tmp_path)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "needs no grants" in done.stderr
