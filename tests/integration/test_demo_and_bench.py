"""The two commands somebody tries first, on the real engines: however they end, they leave nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from headrace.errors import ExitCode

pytestmark = [pytest.mark.engines, pytest.mark.slow]

PROGRAM = "from headrace.cli.main import run; run()"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where temporary folders are made; PostgreSQL must be able to enter it."""
    made = Path(tempfile.mkdtemp(prefix="headrace-tried-")).resolve()
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def ran(folder: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments, "--json"],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert found.returncode in (0, ExitCode.OBJECTIVE_MISSED), found.stderr
    assert folders_in(folder) == []
    return json.loads(found.stdout)


def folders_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_dir()]


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


@pytest.mark.long
def test_a_project_is_measured_and_no_other_one_is_touched(folder: Path) -> None:
    told = ran(
        folder, "bench", "project", "--rows", "500", "--runs", "1", "--quick", HEADRACE_PROJECT_DIR="/nowhere"
    )
    [run] = told["runs"]
    assert (told["rows"], run["rows"]) == (500, 500)
    assert all(run[name] > 0 for name in ("load_s", "apply_s", "verify_s", "plan_s", "pss_gb"))
    assert 0 < run["up_s"] < run["first_row_s"]
    assert {"postgres", "kafka", "connect", "pinot"} <= set(run["engines_pss_gb"])
    assert set(told["objectives"]) == {"first_row_s", "plan_s", "pss_gb"}


@pytest.mark.long
def test_an_interrupted_measurement_leaves_nothing(folder: Path) -> None:
    measuring = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "bench", "project", "--rows", "500"],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal gives one
    )
    with measuring:
        assert measuring.stderr is not None
        assert any("headrace load" in line for line in measuring.stderr)
        os.killpg(measuring.pid, signal.SIGINT)
        told = measuring.stderr.read()
    assert measuring.returncode == 130, told
    assert folders_in(folder) == []
    assert [one for one in psutil.process_iter(["cmdline"]) if str(folder) in str(one.info["cmdline"])] == []
