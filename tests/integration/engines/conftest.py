from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.engines import postgres
from headrace.engines.installation import Installation
from tests.integration.engines.running import RunningEngines
from tests.running_engines import installed


@pytest.fixture(scope="package")
def installation() -> Installation:
    return installed()


@pytest.fixture(scope="module")
def engines(installation: Installation) -> Iterator[RunningEngines]:
    """All engines of one project, running."""
    directory = Path(tempfile.mkdtemp(prefix="headrace-test-engines-"))
    directory.chmod(0o755)  # PostgreSQL runs as somebody else when we are root
    running = RunningEngines(directory, installation)
    try:
        for name in running.services:
            running.start(name)
        yield running
    finally:
        running.close()
        postgres.remove_data(running.folder)
        shutil.rmtree(directory)
