"""The engines once for all tests of this folder, a workbench for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.capture.bench import Bench
from tests.integration.capture.engines import STARTED, CaptureEngines


@pytest.fixture(scope="package")
def capture_engines() -> Iterator[CaptureEngines]:
    engines = CaptureEngines()
    try:
        for name in STARTED:
            engines.start(name)
        yield engines
    finally:
        engines.stop()


@pytest.fixture
def bench(capture_engines: CaptureEngines) -> Iterator[Bench]:
    workbench = Bench(capture_engines.endpoints)
    try:
        yield workbench
    finally:
        workbench.bury()
