from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.engines.compose.docker import Docker
from tests.compose.command import Project, left_behind

NAME = "composetest"

_DECLARATION = f"""\
project: {NAME}
tables: [orders, customers]
views:
  revenue: |
    SELECT status, count(*) AS orders, sum(amount) AS revenue
    FROM orders
    GROUP BY status
dashboard:
  tables: [orders, revenue]
"""


@pytest.fixture(scope="session")
def docker() -> Docker:
    return Docker.find()


@pytest.fixture(scope="session")
def project(docker: Docker) -> Iterator[Project]:
    """A project that is up in containers; whatever happens, nothing of it is left at the end."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-compose-"))
    (folder / "headrace.yaml").write_text(_DECLARATION)
    found = Project(folder)
    try:
        found.run("up", "--target", "compose")
        yield found
    finally:
        if (folder / ".headrace").exists():
            found.run("down", "--purge")
        shutil.rmtree(folder)
    assert left_behind(docker, f"headrace-{NAME}") == []
