"""Runs the command as a user does and renders all that came out, for snapshots."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = bool(os.environ.get("UPDATE_SNAPSHOTS"))


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    stdout: str
    stderr: str

    def render(self, *folders: Path) -> str:
        text = f"exit code: {self.exit_code}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"
        for folder in folders:
            text = text.replace(str(folder), "<folder>")
        return text


def run_headrace(*arguments: str, folder: Path, **environment: str) -> Outcome:
    """One real process, in a clean environment."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", "from headrace.cli.main import run; run()", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONUTF8": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Outcome(result.returncode, result.stdout, result.stderr)


def expect_snapshot(name: str, text: str) -> None:
    """Compare with the committed text; `UPDATE_SNAPSHOTS=1` writes it instead."""
    path = SNAPSHOTS / f"{name}.txt"
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert path.exists(), (
        f"no snapshot {path.name}: run the test with UPDATE_SNAPSHOTS=1 and read what it wrote"
    )
    assert text == path.read_text(encoding="utf-8")
