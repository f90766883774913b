from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from headrace.cli.main import main
from tests.cli.command_line import SNAPSHOTS, Outcome, expect_snapshot, run_headrace

WRONG_FILES = {
    path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "wrong").glob("*.yaml"))
}
"""One per kind of mistake; what `validate` says of each stands under snapshots/."""
PASSWORD = "hunter2-the-literal-password"


def _write(folder: Path, content: str | bytes) -> Path:
    path = folder / "headrace.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _validate(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> Outcome:
    code = main(["validate", "-C", str(folder), *more])
    captured = capsys.readouterr()
    return Outcome(code, captured.out, captured.err)


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(tmp_path, WRONG_FILES[name])
    outcome = _validate(tmp_path, capsys)
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert "hint: " in outcome.stderr
    assert PASSWORD not in outcome.stderr
    expect_snapshot(f"wrong_{name}", outcome.render(tmp_path))


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file_as_json(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, WRONG_FILES[name])
    outcome = _validate(tmp_path, capsys, "--json")
    document = json.loads(outcome.stdout)
    assert outcome.exit_code == 1
    assert outcome.stderr == ""
    assert document["version"] == 1
    assert document["ok"] is False
    assert PASSWORD not in outcome.stdout
    for error in document["errors"]:
        assert error["code"].startswith("declaration-")
        assert error["summary"]
        assert error["hint"]
        assert error["file"].endswith("headrace.yaml")


def test_every_snapshot_has_its_file() -> None:
    wrong = {path.stem.removeprefix("wrong_") for path in SNAPSHOTS.glob("wrong_*.txt")}
    assert wrong == set(WRONG_FILES)


def test_all_errors_come_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, WRONG_FILES["every_mistake_at_once"])
    errors = json.loads(_validate(tmp_path, capsys, "--json").stdout)["errors"]
    lines = [error["line"] for error in errors]
    assert lines == sorted(lines)
    # Every line of the file but these few holds a mistake.
    sound = {2, 5, 6, 9, 10, 11, 21}
    assert set(lines) == set(range(1, 25)) - sound


def test_ten_megabytes_are_refused_at_once(tmp_path: Path) -> None:
    _write(tmp_path, "project: shop\ntables: [" + "orders," * 1_500_000 + "]\n")
    began = time.monotonic()
    outcome = run_headrace("validate", folder=tmp_path)
    assert outcome.exit_code == 1
    assert "[declaration-too-large]" in outcome.stderr
    assert time.monotonic() - began < 10


def test_five_lines_are_enough(tmp_path: Path) -> None:
    _write(tmp_path, "project: shop\ntables:\n  - orders\n  - customers\n  - sales.items\n")
    outcome = run_headrace("validate", folder=tmp_path)
    expect_snapshot("valid_list", outcome.render(tmp_path))
    expect_snapshot("valid_list_json", run_headrace("validate", "--json", folder=tmp_path).render(tmp_path))


def test_a_full_file_is_valid_without_its_secrets(tmp_path: Path) -> None:
    _write(
        tmp_path,
        """\
project: shop
source:
  host: db.example.com
  port: 6432
  database: shop
  user: headrace
  password: env:NOT_SET_HERE
  sslmode: verify-full
  sslrootcert: certs/root.pem
tables:
  customers:
  sales.orders:
    name: orders
    key: [order_no, line]
    exclude: [notes]
    mask: {email: hash, iban: redact}
    partitions: 4
    indexes: {country: inverted, placed_at: range, email: bloom, extra: none}
    retention: {time: 7d, size: 10GB}
    flush_rows: 500000
engines:
  heap: {kafka: 512MiB, connect: 512MiB, pinot: 1.5GiB, zookeeper: 128MiB}
""",
    )
    expect_snapshot("valid_full", run_headrace("validate", folder=tmp_path).render(tmp_path))


def test_the_file_is_found_upward(tmp_path: Path) -> None:
    _write(tmp_path, "project: shop\ntables: [orders]\n")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert run_headrace("validate", folder=deep).exit_code == 0
    nowhere = run_headrace("validate", "-C", "a", folder=tmp_path)
    expect_snapshot("missing_file", nowhere.render(tmp_path))
    missing = run_headrace("validate", folder=tmp_path, HEADRACE_PROJECT_DIR="no-such-folder")
    expect_snapshot("missing_folder", missing.render(tmp_path))
