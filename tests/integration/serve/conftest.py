"""Real engines for the tests of the serve hop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.endpoints import Endpoints
from headrace.engines import runtime
from headrace.spec.load import load
from tests.running_engines import running_engines


@pytest.fixture(scope="package")
def engines_folder() -> Iterator[Path]:
    with running_engines("shop") as folder:
        yield folder


@pytest.fixture(scope="package")
def engines(engines_folder: Path) -> Endpoints:
    """Where PostgreSQL, Kafka and Pinot listen."""
    return runtime.endpoints(load(engines_folder / "headrace.yaml"), engines_folder)
