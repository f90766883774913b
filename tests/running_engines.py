"""The engines of a project of their own, for the length of a test session; nothing is applied."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from headrace.engines import runtime
from headrace.engines.folder import ProjectFolder
from headrace.engines.install import install
from headrace.engines.installation import Installation, headrace_home
from headrace.engines.process import marked
from headrace.spec.load import load


@cache
def installed() -> Installation:
    """The engines; every jar is checked against its lock, which takes seconds, by the first who asks."""
    return install(headrace_home(), lambda line: None)


def remove(folder: Path) -> None:
    """End what runs for a folder and remove its data; that engines stop in order is tested elsewhere."""
    for process, mark in marked(ProjectFolder.of(folder).directory).items():
        if mark.engine != "postgres":  # killed, it would leave shared memory behind
            process.send(signal.SIGKILL)
    runtime.down(folder, purge=True)


@contextmanager
def running_engines(name: str) -> Generator[Path]:
    """The folder of a running project; at the end its engines are stopped and its data removed."""
    installed()
    with tempfile.TemporaryDirectory(prefix=f"headrace-{name}-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # PostgreSQL runs as somebody else when we are root
        (folder / "headrace.yaml").write_text(f"project: {name}\ntables: [orders]\n")
        try:
            runtime.up(load(folder / "headrace.yaml"), folder)
            yield folder
        finally:
            remove(folder)
