"""`topics`, `consumers` and `messages` where nothing runs, and a wrong command line of theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command_line import run_headrace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "headrace.yaml").write_text("project: shop\ntables: [orders]\n")
    return tmp_path


@pytest.mark.parametrize("arguments", [["topics"], ["consumers"], ["messages", "orders"]])
def test_where_nothing_runs(arguments: list[str], folder: Path) -> None:
    outcome = run_headrace(*arguments, folder=folder)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "[engines-not-running]" in outcome.stderr
    outcome = run_headrace(*arguments, "--json", folder=folder)
    assert (outcome.exit_code, outcome.stderr) == (1, "")
    assert json.loads(outcome.stdout)["errors"][0]["code"] == "engines-not-running"
    # Of messages, an error is one line as everything else is.
    assert (len(outcome.stdout.splitlines()) == 1) == (arguments[0] == "messages")


@pytest.mark.parametrize("start", ["x", "-1", "1.5", "", "²"])
def test_where_to_begin_is_an_offset(start: str, folder: Path) -> None:
    outcome = run_headrace("messages", "orders", f"--from={start}", folder=folder)
    assert outcome.exit_code == 1
    assert f"--from takes an offset or `beginning`, not `{start}` [usage]" in outcome.stderr
    assert run_headrace("messages", "orders", "--limit", "0", folder=folder).exit_code == 1
