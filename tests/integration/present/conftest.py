"""Real Kafka, Pinot and Superset, and one served table with rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from headrace.contract import TableContract
from headrace.engines.superset_install import install_superset
from headrace.hops.present.client import SupersetClient
from headrace.hops.present.resource import Dashboard
from headrace.hops.present.shown import Presentation, Shown
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.render import Placement, Status
from headrace.hops.serve.resource import ServedTable, wait_until_consuming
from headrace.names import CaptureNames
from tests.integration.engines.running import RunningEngines
from tests.integration.present.running import RunningSuperset, running_superset
from tests.integration.serve.answering import wait_until_answered
from tests.integration.serve.envelopes import EnvelopeWriter
from tests.running_engines import installed
from tests.unit.present.contracts import ORDERS

PROJECT = "shop"
STATUSES = ("open", "paid", "shipped", "returned")
COUNTRIES = ("DE", "FR", "GB", None)
BEGAN = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ROWS = 12_000
"""More than Pinot reads in one block: its own mistakes about NULLs begin behind the first."""


def row(number: int) -> dict[str, object]:
    """A row with NULLs in every column that may hold one; sums beyond what a double holds."""
    return {
        "id": number,
        "customer_id": number % 97,
        "status": STATUSES[number % 4],
        "country": COUNTRIES[number % 4] if number % 3 else None,
        "quantity": number % 5 or None,
        "unit_price": Decimal(number % 1000) / 100,
        "total": Decimal(900_000_000_000 + number * number % 101) / 100 if number % 10 else None,
        "weight": number / 7,
        "paid": bool(number % 2),
        "due": (BEGAN + timedelta(days=number % 30)).date(),
        "placed_at": BEGAN + timedelta(minutes=5 * number) if number % 50 else None,
        "photo": b"\x00\x01",
    }


@dataclass
class Bench:
    """Everything a test of this hop needs.

    Attributes:
        generations: capture number to what writes into it.
        written: rows by key, as PostgreSQL would hold them.
    """

    running: RunningEngines
    superset: RunningSuperset
    pinot: PinotClient
    client: SupersetClient
    generations: dict[int, EnvelopeWriter] = field(default_factory=dict[int, EnvelopeWriter])
    tables: list[ServedTable] = field(default_factory=list[ServedTable])

    def generation(self, number: int) -> EnvelopeWriter:
        """A physical table of its own for `orders`, consuming."""
        names = CaptureNames(PROJECT, number)
        topic = names.topic(ORDERS.table)
        bootstrap = self.running.endpoints.kafka_bootstrap
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic(topic, 1)])[topic].result()
        table = ServedTable(self.pinot, ORDERS, names, Placement(bootstrap), Status.LIVE)
        table.apply()
        wait_until_consuming(self.pinot, table.name)
        wait_until_answered(self.pinot, table.name)
        self.tables.append(table)
        writer = EnvelopeWriter(bootstrap, topic, ORDERS)
        self.generations[number] = writer
        return writer

    def presentation(
        self, generation: int = 1, contract: TableContract = ORDERS, title: str = "Shop, live"
    ) -> Presentation:
        physical = CaptureNames(PROJECT, generation).pinot_table("orders")
        endpoints = self.running.endpoints
        return Presentation(
            project=PROJECT,
            title=title,
            refresh_seconds=1,
            shown=(Shown("orders", physical, contract),),
            broker_url=endpoints.pinot_broker_url,
            controller_url=endpoints.pinot_controller_url,
        )

    def dashboard(self, generation: int = 1, contract: TableContract = ORDERS) -> Dashboard:
        return Dashboard(self.client, self.presentation(generation, contract))


@pytest.fixture(scope="package")
def bench() -> Iterator[Bench]:
    """ZooKeeper, Kafka and Pinot, with Superset beside them; at the end nothing of it runs."""
    installation = installed()
    superset = install_superset(installation.home, lambda line: None)
    with tempfile.TemporaryDirectory(prefix="headrace-test-present-") as made:
        running = RunningEngines(Path(made), installation)
        try:
            for name in ("zookeeper", "kafka", "pinot"):
                running.start(name)
            endpoints = running.endpoints
            with (
                PinotClient(endpoints.pinot_controller_url, endpoints.pinot_broker_url) as pinot,
                running_superset(Path(made), superset) as served,
                SupersetClient(served.url, served.password) as client,
            ):
                yield Bench(running, served, pinot, client)
        finally:
            running.close()


@pytest.fixture(scope="package")
def filled(bench: Bench) -> Bench:
    """The first generation of `orders` with all its rows indexed."""
    writer = bench.generation(1)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    offset = writer.write("r", (row(number) for number in range(ROWS)), time_ms=now_ms)
    wait_for_offset(bench.pinot, "shop_orders_1", offset)
    return bench


def wait_for_offset(pinot: PinotClient, table: str, offset: int) -> None:
    from headrace.hops.serve.answer import checked_rows
    from headrace.hops.serve.client import AFTER_OPTION

    sql = f'SELECT COUNT(*) FROM "{table}"'
    checked_rows(pinot.query(sql, {AFTER_OPTION: f"0:{offset}"}, timeout_s=60.0))
