"""A year of real invoices: revenue, lines and cancelled lines by country and by day, while they change."""

from __future__ import annotations

import csv
import gzip
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.views.project import ViewProject
from tests.integration.views.reader import Reader

pytestmark = [pytest.mark.engines, pytest.mark.long]

RESULT = (
    "count(*) AS lines, sum(quantity * price) AS revenue, avg(price) AS mean_price, "
    "count(*) FILTER (WHERE invoice LIKE 'C%') AS cancelled"
)
VIEWS = {
    "by_country": f"SELECT country, {RESULT} FROM lines GROUP BY country",
    "by_day": f"SELECT sold_at::date AS day, {RESULT} FROM lines GROUP BY 1",
}
COLUMNS = ("lines", "revenue", "mean_price", "cancelled")
LINES = 541_909
CHANGES = 50_000


@pytest.fixture(scope="module")
def project(empty: ViewProject, online_retail: Path) -> Iterator[ViewProject]:
    empty.execute(
        "CREATE TABLE lines (id bigint PRIMARY KEY, invoice text NOT NULL, quantity integer NOT NULL, "
        "sold_at timestamp NOT NULL, price numeric(12,3) NOT NULL, country text NOT NULL)"
    )
    with (
        gzip.open(online_retail, "rt", encoding="utf-8", newline="") as file,
        empty.connect() as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY lines FROM STDIN") as copy,
    ):
        for number, row in enumerate(csv.DictReader(file), start=1):
            copy.write_row(
                (
                    number,
                    row["InvoiceNo"],
                    row["Quantity"],
                    row["InvoiceDate"],
                    row["UnitPrice"],
                    row["Country"],
                )
            )
    assert empty.source("SELECT count(*) FROM lines") == [(LINES,)]
    yield empty


def change(project: ViewProject, source: random.Random) -> None:
    """Half of the rows are updated, a part of these into another group; half are deleted."""
    numbers = source.sample(range(1, LINES + 1), CHANGES)
    with project.connect() as connection:
        for start in range(0, CHANGES, 100):
            updated, deleted = numbers[start : start + 50], numbers[start + 50 : start + 100]
            connection.execute(
                "UPDATE lines SET quantity = quantity + 1, price = price + 0.001, "
                "country = CASE WHEN id %% 3 = 0 THEN 'France' ELSE country END WHERE id = ANY(%s)",
                (updated,),
            )
            connection.execute("DELETE FROM lines WHERE id = ANY(%s)", (deleted,))


def test_revenue_by_country_and_day_stays_exact_while_rows_change(
    project: ViewProject, record_property: Callable[[str, object], None]
) -> None:
    begun = time.monotonic()
    project.write(("lines",), VIEWS).apply()
    record_property("apply_s", round(time.monotonic() - begun, 1))
    writer = threading.Thread(target=change, args=(project, random.Random(5)), daemon=True)
    begun = time.monotonic()
    audits = 0
    with Reader(project, list(VIEWS)).at_work():
        writer.start()
        while writer.is_alive():
            found = project.differences(list(VIEWS))
            assert found == {}, str(found)
            audits += 1
        writer.join()
        project.served("SELECT COUNT(*) FROM by_day")
        record_property("changes_s", round(time.monotonic() - begun, 1))
    record_property("audits_meanwhile", audits)

    begun = time.monotonic()
    assert project.differences(["lines", *VIEWS]) == {}
    record_property("verify_s", round(time.monotonic() - begun, 1))
    assert project.source("SELECT count(*) FROM lines") == [(LINES - CHANGES // 2,)]
    project.same_result(VIEWS["by_country"], "by_country", ("country", *COLUMNS))
    project.same_result(VIEWS["by_day"], "by_day", ("day", *COLUMNS))
    totals = "SELECT sum(quantity * price), count(*), count(*) FILTER (WHERE invoice LIKE 'C%') FROM lines"
    for view in VIEWS:
        sums = f"SELECT SUM(revenue), SUM(lines), SUM(cancelled) FROM {view}"
        assert project.served(sums) == project.source(totals)
