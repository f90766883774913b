"""Real engines for the tests of the serve hop.

`HEADRACE_TEST_STACK=<folder>` names a project folder whose engines are running already.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.endpoints import Endpoints
from headrace.engines.stack import endpoints


@pytest.fixture(scope="session")
def engines() -> Iterator[Endpoints]:
    """Where PostgreSQL, Kafka and Pinot listen."""
    folder = os.environ.get("HEADRACE_TEST_STACK")
    if not folder:
        pytest.skip("HEADRACE_TEST_STACK names no running project")
    ports = json.loads((Path(folder) / ".headrace/run/ports.json").read_text())
    yield endpoints("shop", Path(folder), ports)
