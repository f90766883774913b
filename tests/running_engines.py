"""The engines of a project of their own, for the length of a test session; nothing is applied."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from headrace.engines import runtime
from headrace.engines.install import install
from headrace.engines.installation import headrace_home
from headrace.spec.load import load


@contextmanager
def running_engines(name: str) -> Generator[Path]:
    """The folder of a running project; at the end its engines are stopped and its data removed."""
    install(headrace_home(), lambda line: None)
    with tempfile.TemporaryDirectory(prefix=f"headrace-{name}-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # PostgreSQL runs as somebody else when we are root
        (folder / "headrace.yaml").write_text(f"project: {name}\ntables: [orders]\n")
        try:
            runtime.up(load(folder / "headrace.yaml"), folder)
            yield folder
        finally:
            runtime.down(folder, purge=True)
