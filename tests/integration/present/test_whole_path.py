"""From a COMMIT in PostgreSQL to the number on the screen, through all engines; minutes, so not in CI."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.apply.project import Project
from headrace.cli.scratch_project import scratch_project
from headrace.feed.connect import connect
from headrace.feed.target import Connection
from headrace.hops.present.shown import dashboard_url
from tests.integration.present.browser import Browser, chromium, log_in

pytestmark = [pytest.mark.engines, pytest.mark.long]

TABLE = "public.orders"
UPDATES = 15
WANTED_S = 2.0


def create(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, country text NOT NULL, amount integer NOT NULL,"
        " placed_at timestamptz NOT NULL)"
    )
    connection.execute(
        "INSERT INTO orders SELECT n, 'C' || n % 7, 10, now() - n * interval '1 minute'"
        " FROM generate_series(1, 1000) n"
    )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    dashboard = {"refresh_seconds": 1}
    with scratch_project("shown", {TABLE: {}}, create, lambda _: None, dashboard=dashboard) as running:
        yield running


def is_shown(browser: Browser, number: str) -> bool:
    script = (
        "return [...document.querySelectorAll('.header-line')].some(e => e.innerText.trim() === arguments[0])"
    )
    return bool(browser.run(script, number))


def test_a_committed_change_is_on_the_screen_within_two_seconds(
    project: Project, record_property: Callable[[str, object], None]
) -> None:
    ends = project.endpoints
    assert ends.superset_url and ends.superset_password
    gaps, times_s = random.Random(3), []
    with chromium() as browser, connect(ends.source) as session:
        log_in(browser, ends.superset_url, ends.superset_password)
        browser.open(dashboard_url(ends.superset_url, project.name))
        deadline = time.monotonic() + 90
        while not is_shown(browser, "1,000"):
            assert time.monotonic() < deadline, browser.text()[:1000]
            time.sleep(0.1)
        for number in range(1001, 1001 + UPDATES):
            time.sleep(gaps.uniform(1.0, 4.0))
            session.execute("INSERT INTO orders VALUES (%s, 'C1', 5, now())", (number,))
            began = time.perf_counter()
            while not is_shown(browser, f"{number:,}"):
                assert time.perf_counter() - began < 60
                time.sleep(0.02)
            times_s.append(time.perf_counter() - began)
        assert browser.console() == []
    record_property("median_s", round(statistics.median(times_s), 2))
    record_property("times_s", [round(one, 2) for one in times_s])
    print(f"median {statistics.median(times_s):.2f} s of {sorted(round(one, 2) for one in times_s)}")
    # The machine is shared and also draws the page: the bound is only a net.
    assert statistics.median(times_s) < 3 * WANTED_S
