"""The commands of the guides, run as a reader would type them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.engines.folder import ProjectFolder
from tests.temporary_postgres import TemporaryPostgres

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.slow


def script(guide: str) -> str:
    """All commands of a guide, in order; the first that fails ends it."""
    blocks = BLOCK.findall((GUIDES / guide).read_text())
    assert blocks, f"{guide} has no commands"
    return "set -euo pipefail\n" + "\n".join(blocks)


def run_on_engines(guide: str, folder: Path, project: str) -> str:
    """What the commands of a guide print; whatever happens, nothing of them runs on."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    try:
        done = subprocess.run(
            ["bash", "-c", script(guide)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    finally:
        left = folder / project / ".headrace"
        if left.exists():
            command = [sys.executable, "-m", "headrace", "-C", str(left.parent), "down", "--purge", "--yes"]
            subprocess.run(command, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert ProjectFolder.of(left.parent).is_unused()
    return done.stdout


@pytest.mark.engines
def test_getting_started(tmp_path: Path) -> None:
    printed = run_on_engines("getting-started.md", tmp_path, "shop")
    assert re.search(r"France\W+20\.00", printed), printed
    assert "orders" in printed and "equal" in printed


@pytest.mark.engines
@pytest.mark.long
def test_views(tmp_path: Path) -> None:
    printed = run_on_engines("views.md", tmp_path, "viewed")
    assert "groups: one row for each group" in printed
    assert len(re.findall(r"^by_status +equal", printed, re.MULTILINE)) == 2, printed
    assert len(re.findall(r"^large +equal", printed, re.MULTILINE)) == 1, printed


@pytest.mark.engines
@pytest.mark.long
def test_dashboard(tmp_path: Path) -> None:
    printed = run_on_engines("dashboard.md", tmp_path, "shown")
    assert re.search(r"Dashboard +http://127\.0\.0\.1:\d+/superset/dashboard/headrace-shown/", printed), (
        printed
    )
    assert "Nothing to do" in printed, printed


def test_rest_api(tmp_path: Path, postgres_server: TemporaryPostgres) -> None:
    postgres_server.recreate("rest_api")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    commands = script("rest-api.md").replace("8700", str(port))
    done = subprocess.run(
        ["bash", "-c", f"trap 'kill $(jobs -p)' EXIT\n{commands}"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": f"postgresql://tester@127.0.0.1:{postgres_server.port}/rest_api",
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "public.order_lines" in done.stdout
    with postgres_server.connect("rest_api") as session:
        assert session.execute("SELECT count(*) FROM goods").fetchone() == (300,)
        assert session.execute("SELECT count(*) >= 1000 FROM orders").fetchone() == (True,)
