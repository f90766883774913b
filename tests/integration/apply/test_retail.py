"""A year of real invoices: loaded from its CSV file, changed 50,000 times, proven equal to the last digit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.apply.project import RunningProject

pytestmark = [pytest.mark.engines, pytest.mark.slow]

LINES = 541_909
CHANGES = 50_000
BATCH = 500
SUMS = (
    "SELECT country, COUNT(*) AS n, SUM(quantity) AS items, SUM(quantity * unit_price) AS revenue "
    "FROM retail GROUP BY country ORDER BY country"
)
VERIFY_S = 60.0
"""A safety net; `headrace bench project` and docs/reference/measurements.md say how long it takes."""


@pytest.fixture
def loaded(project: RunningProject, online_retail: Path) -> Iterator[RunningProject]:
    code, told = project.run("load", "csv", str(online_retail), "--table", "retail", "--create")
    assert code == 0, told
    assert project.source("SELECT count(*) FROM retail") == [(LINES,)]
    yield project
    project.declare("orders").destroy()
    project.execute("DROP TABLE retail")


def change(project: RunningProject, source: random.Random) -> None:
    """Each line once: half of them updated, some into another country, half deleted."""
    ids = [row[0] for row in project.source("SELECT id FROM retail ORDER BY id")]
    chosen = source.sample(ids, CHANGES)
    with project.connect() as connection:
        for start in range(0, CHANGES, BATCH):
            batch = chosen[start : start + BATCH]
            connection.execute(
                "UPDATE retail SET quantity = quantity + 1, unit_price = unit_price + 0.001, "
                "country = CASE WHEN id %% 3 = 0 THEN 'France' ELSE country END WHERE id = ANY(%s)",
                (batch[: BATCH // 2],),
            )
            connection.execute("DELETE FROM retail WHERE id = ANY(%s)", (batch[BATCH // 2 :],))


def test_a_year_of_invoices(loaded: RunningProject, record_property: Callable[[str, object], None]) -> None:
    opened = loaded.declare("retail")
    begun = time.monotonic()
    opened.apply()
    record_property("apply_s", round(time.monotonic() - begun, 1))
    change(loaded, random.Random(3))
    assert loaded.served("SELECT COUNT(*) FROM retail") == [(LINES - CHANGES // 2,)]
    begun = time.monotonic()
    (verdict,) = opened.verify()
    took_s = time.monotonic() - begun
    record_property("verify_s", round(took_s, 1))
    assert verdict.exact
    assert verdict.source_rows == verdict.pinot_rows == LINES - CHANGES // 2
    assert took_s < VERIFY_S
    assert loaded.served(SUMS) == loaded.source(SUMS)
