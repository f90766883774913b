"""The command as a person runs it, and Docker's own answers beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.engines.compose.docker import PROJECT_LABEL, Docker


@dataclass(frozen=True)
class Project:
    """A project folder whose engines run in containers."""

    folder: Path

    def run(self, *arguments: str, expect: int = 0, timeout_s: float = 600) -> str:
        """stdout of a command, which must end as expected."""
        outcome = subprocess.run(
            [sys.executable, "-m", "headrace", *arguments],
            cwd=self.folder,
            env={**os.environ, "HEADRACE_YES": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert outcome.returncode == expect, f"{arguments}: {outcome.returncode}\n{outcome.stderr[-3000:]}"
        return outcome.stdout

    def json(self, *arguments: str, expect: int = 0, timeout_s: float = 600) -> dict[str, Any]:
        return json.loads(self.run(*arguments, "--json", expect=expect, timeout_s=timeout_s))

    def error(self, *arguments: str) -> dict[str, Any]:
        """The one error a command ends with."""
        document = self.json(*arguments, expect=1)
        return document["errors"][0]

    @property
    def pids(self) -> dict[str, int]:
        """The main process of every engine's container, as this machine counts."""
        return {engine["name"]: engine["pid"] for engine in self.json("status")["engines"]}


def left_behind(docker: Docker, compose_project: str) -> list[str]:
    """Everything of a Compose project that the daemon still has."""
    labels = {PROJECT_LABEL: compose_project}
    return [
        f"{kind} {name}"
        for kind in ("container", "volume", "network")
        for name in docker.labelled(kind, labels)
    ]
