"""One set of engines for these tests; every test leaves it without any table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.hops.serve.client import PinotClient
from headrace.spec.load import load
from tests.integration.apply.project import RunningProject
from tests.running_engines import running_engines

NAME = "applytest"


@pytest.fixture(scope="package")
def engines_folder() -> Iterator[Path]:
    """The folder of a running project."""
    with running_engines(NAME) as folder:
        yield folder


@pytest.fixture
def project(engines_folder: Path) -> Iterator[RunningProject]:
    with _two_tables(engines_folder) as running:
        yield running


@pytest.fixture(scope="module")
def shared_project(engines_folder: Path) -> Iterator[RunningProject]:
    """For tests that leave it as they found it."""
    with _two_tables(engines_folder) as running:
        yield running


@contextmanager
def _two_tables(engines_folder: Path) -> Iterator[RunningProject]:
    """Nothing served, before and after."""
    running = RunningProject(engines_folder, load(engines_folder / "headrace.yaml").project)
    _empty(running)
    running.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL)",
        "CREATE TABLE items (id bigint PRIMARY KEY, note text NOT NULL)",
        "INSERT INTO orders SELECT g, 'order ' || g FROM generate_series(1, 500) g",
        "INSERT INTO items SELECT g, 'item ' || g FROM generate_series(1, 300) g",
    )
    yield running
    _empty(running)
    with PinotClient(running.endpoints.pinot_controller_url, running.endpoints.pinot_broker_url) as pinot:
        assert [schema for schema in pinot.schemas() if schema.startswith(f"{NAME}_")] == []


def _empty(running: RunningProject) -> None:
    running.declare("orders").destroy()
    running.execute("DROP TABLE IF EXISTS orders, items")
