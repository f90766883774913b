"""One set of engines for these tests; every test leaves it without any table."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.engines import runtime
from headrace.errors import HeadraceError
from headrace.spec.load import load
from tests.integration.apply.project import RunningProject

NAME = "applytest"


@pytest.fixture(scope="session")
def engines_folder() -> Iterator[Path]:
    """The folder of a running project; HEADRACE_TEST_APPLY_PROJECT names one that runs already."""
    given = os.environ.get("HEADRACE_TEST_APPLY_PROJECT")
    if given:
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="headrace-apply-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "headrace.yaml").write_text(f"project: {NAME}\ntables: [orders]\n")
        try:
            runtime.up(load(folder / "headrace.yaml"), folder)
        except HeadraceError as error:
            if error.code != "engines-not-installed":
                raise
            pytest.skip("the engines are not installed: headrace engines install")
        try:
            yield folder
        finally:
            runtime.down(folder, purge=True)


@pytest.fixture
def project(engines_folder: Path) -> Iterator[RunningProject]:
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


def _empty(running: RunningProject) -> None:
    running.declare("orders").destroy()
    running.execute("DROP TABLE IF EXISTS orders, items")
