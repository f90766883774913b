"""Kafka and the views' application once for all tests of this folder; the application can be killed.

Beside them Spark's batch engine alone, which answers for single expressions.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headrace.engines import spark as spark_engine
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from tests.integration.capture.engines import CaptureEngines
from tests.integration.transform.bench import TransformBench
from tests.integration.transform.spark_batch import SparkBatch, spark_batch
from tests.temporary_postgres import postgres_server

__all__ = ["postgres_server"]

BATCH_MS = 8000
"""Short, so that a test sees several boundaries."""


@pytest.fixture(scope="package")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkBatch]:
    with spark_batch(tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.fixture(scope="package")
def transform_engines() -> Iterator[CaptureEngines]:
    engines = CaptureEngines(("kafka", "spark"), optional=("spark",))
    service = engines.services["spark"]
    folder = ProjectFolder.of(engines.directory)
    engines.services["spark"] = spark_engine.spark(
        folder, AddressBook(service.ports), engines.installation, service.heap_mb, batch_ms=BATCH_MS
    )
    try:
        for name in ("kafka", "spark"):
            engines.start(name)
        yield engines
    finally:
        engines.stop()


@pytest.fixture
def bench(transform_engines: CaptureEngines) -> Iterator[TransformBench]:
    workbench = TransformBench(transform_engines)
    try:
        yield workbench
    finally:
        workbench.clear()
