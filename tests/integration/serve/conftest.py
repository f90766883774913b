"""Real engines for the tests of the serve hop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headrace.endpoints import Endpoints
from headrace.engines import runtime
from headrace.spec.load import load
from tests.running_engines import running_engines


@pytest.fixture(scope="session")
def engines() -> Iterator[Endpoints]:
    """Where PostgreSQL, Kafka and Pinot listen."""
    with running_engines("shop") as folder:
        yield runtime.endpoints(load(folder / "headrace.yaml"), folder)
