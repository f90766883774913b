from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.transform.spark_batch import SparkBatch, spark_batch
from tests.temporary_postgres import postgres_server

__all__ = ["postgres_server"]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkBatch]:
    with spark_batch(tmp_path_factory.mktemp("spark")) as running:
        yield running
