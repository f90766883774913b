"""A view in Spark's micro-batches in place of real time, for `headrace bench views --micro-batches`."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from headrace.engines import spark as spark_engine
from headrace.engines.address_book import LOOPBACK, AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.unsupervised import Unsupervised
from headrace.hops.transform.client import SparkClient


@contextmanager
def micro_batches(spark: SparkClient) -> Generator[None]:
    """Compute the project's only view in micro-batches for the length of a block, into the same topic.

    An application of its own does it, from the beginning of the log. Afterwards the view begins anew in real
    time.
    """
    (name,) = spark.jobs()
    job = spark.job(name)
    assert job is not None
    spark.delete(name)
    try:
        with _application() as beside:
            beside.put(name, job.document)
            yield
    finally:
        spark.put(name, job.document)


@contextmanager
def _application() -> Generator[SparkClient]:
    with tempfile.TemporaryDirectory(prefix="headrace-micro-batches-") as directory:
        folder, port = ProjectFolder.of(Path(directory)), _free_port()
        book = AddressBook({"spark": port})
        heap_mb = spark_engine.DEFAULT_HEAP_MB
        service = spark_engine.spark(folder, book, Installation.load(), heap_mb, real_time=False)
        with Unsupervised(service, Path(directory)) as engine:
            engine.wait_ready()
            with SparkClient(f"http://{LOOPBACK}:{port}") as client:
                yield client


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
