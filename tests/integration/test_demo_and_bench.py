"""The two commands somebody tries first, on the real engines: they end well and leave nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.engines, pytest.mark.slow]

PROGRAM = "from headrace.cli.main import run; run()"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where temporary folders are made; PostgreSQL must be able to enter it."""
    made = Path(tempfile.mkdtemp(prefix="headrace-tried-")).resolve()
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def ran(folder: Path, *arguments: str) -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments, "--json"],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    left = [path for path in folder.rglob("*") if path.is_dir()]
    assert left == []
    return json.loads(found.stdout)


def test_the_demo_with_a_kill_in_the_middle_ends_equal(folder: Path) -> None:
    told = ran(folder, "demo", "--for", "5", "--chaos")
    assert told["equal"] is True
    assert told["pinot_unanswering_s"] > 0
    assert {one["name"] for one in told["verified"]} >= {"orders"}
    assert all(one["rows"] > 0 for one in told["verified"])
    assert told["freshness"]["n"] > 0


@pytest.mark.long
def test_freshness_is_measured(folder: Path) -> None:
    told = ran(folder, "bench", "freshness", "-n", "20", "--longest-gap", "0.3")
    text = json.dumps(told)
    assert '"p50_ms"' in text
    assert '"p99_ms"' in text
