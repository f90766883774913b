"""The end of a batch that is tried out beside a view: nobody notices but the log."""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headrace.engines import spark as spark_engine
from headrace.engines.address_book import LOOPBACK, AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.unsupervised import Unsupervised
from tests.integration.transform.bench import TransformBench
from tests.integration.transform.orders import GROUPS, Orders
from tests.integration.transform.test_views import assert_same

pytestmark = [pytest.mark.engines, pytest.mark.slow]

BATCH_MS = 60_000
"""Long enough that there is something to rehearse for."""
TRIED = re.compile(r"(\d+) ends of a batch tried out, the last in (\d+) ms")


@pytest.fixture
def application(bench: TransformBench, tmp_path: Path) -> Iterator[tuple[httpx.Client, ProjectFolder]]:
    """Spark as in a project, with batches that outlast the test, on the Kafka of the others."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    folder, book = ProjectFolder.of(tmp_path), AddressBook({"spark": port})
    heap_mb = spark_engine.DEFAULT_HEAP_MB
    service = spark_engine.spark(folder, book, bench.engines.installation, heap_mb, batch_ms=BATCH_MS)
    with Unsupervised(service, tmp_path) as engine:
        engine.wait_ready()
        with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=60, trust_env=False) as client:
            yield client, folder


def test_a_rehearsal_leaves_the_view_and_its_results_alone(
    bench: TransformBench, application: tuple[httpx.Client, ProjectFolder]
) -> None:
    client, folder = application
    base, output = bench.topic("base"), bench.topic("groups")
    orders = Orders(random.Random(11))
    bench.write(base, orders.envelopes(50))
    document = bench.document(GROUPS, base, output)
    path = f"/views/{document['name']}"
    assert client.put(path, json=document).status_code == 201

    log, deadline = folder.log("spark"), time.monotonic() + 90
    while (tried := TRIED.search(log.read_text())) is None:
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        bench.write(base, orders.envelopes(5))
        time.sleep(0.1)

    assert int(tried[1]) >= 2
    values = bench.wait_for(base, output)
    assert_same(values, orders.groups())
    offsets = [offset for offset, _ in bench.records(base)]
    assert sorted({value["version"] for value in values}) == [offset + 1 for offset in offsets]
    assert len({(value["version"], str(value["after"]), str(value["before"])) for value in values}) == len(
        values
    )
    status = client.get(path).json()["status"]
    assert (status["state"], status["restarts"]) == ("running", 0)
    assert not list((folder.root / "data" / "spark" / "tmp").glob("rehearsal-*"))
    client.delete(path)
