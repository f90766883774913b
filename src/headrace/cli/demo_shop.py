"""The demonstration's shop: what it declares, and how its rows come in, from a CSV file and a REST API."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from headrace.feed.shop.tables import BY_NAME, SHOP_TABLES, UPDATED_AT

if TYPE_CHECKING:
    from headrace.feed.shop.store import Store
    from headrace.feed.target import Connection

PULSE, PULSE_VIEW, REVENUE = "pulse", "pulse_view", "revenue_by_day"
CATALOGUE = "products"
PULLED = tuple(table.name for table in SHOP_TABLES if table.name != CATALOGUE)
CUSTOMERS, PRODUCTS, ORDERS = 400, 120, 3_000

REVENUE_SQL = """\
SELECT date_trunc('day', placed_at) AS day, count(*) AS orders,
       sum(total) AS revenue, avg(total) AS mean_order
FROM orders
WHERE status <> 'cancelled'
GROUP BY date_trunc('day', placed_at)
"""

TABLES: Mapping[str, Mapping[str, object]] = {name: {} for name in (*BY_NAME, PULSE)}
VIEWS = {REVENUE: REVENUE_SQL, PULSE_VIEW: f"SELECT id, at FROM {PULSE}"}  # noqa: S608

Tell = Callable[[str], None]


def dashboard(*, views: bool) -> dict[str, object]:
    """What headrace.yaml says under `dashboard`: what moves, first what people look at first."""
    shown = ["orders", *([REVENUE] if views else []), "order_lines", "payments", CATALOGUE]
    return {"title": "The shop, live", "refresh_seconds": 2, "tables": shown}


def fill(connection: Connection, tell: Tell) -> None:
    """Make the shop's past: its catalogue is written to a CSV file and loaded, the rest pulled over HTTP.

    A shop that is there already, in a kept folder, is left as it is.
    """
    from headrace.feed.shop.history import Size
    from headrace.feed.shop.serve import ServeOptions, serving

    found = connection.execute("SELECT to_regclass('pulse') IS NOT NULL").fetchone()
    if found and found[0]:
        tell("the shop of an earlier run goes on")
        return
    size = Size(CUSTOMERS, PRODUCTS, ORDERS)
    # A year that ends where the live shop begins: its days stand side by side in the charts.
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with serving(ServeOptions(port=0, size=size, history_ends=today)) as shop, TemporaryDirectory() as folder:
        _load_catalogue(connection, shop.store, Path(folder), tell)
        _pull(connection, shop.url, Path(folder), tell)
    connection.execute("CREATE TABLE pulse (id bigint PRIMARY KEY, at timestamptz NOT NULL)")


def _load_catalogue(connection: Connection, store: Store, folder: Path, tell: Tell) -> None:
    from headrace.feed.load import LoadOptions, load_csv
    from headrace.names import TableName

    file = folder / f"{CATALOGUE}.csv"
    names = [column.name for column in BY_NAME[CATALOGUE].columns if column.name != UPDATED_AT]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([row[name] for name in names] for row in store.rows(CATALOGUE).values())
    options = LoadOptions(create=True, key=("id",), reject_file=folder / f"{CATALOGUE}.rejects.csv")
    report = load_csv(connection, file, TableName.parse(CATALOGUE), options)
    tell(f"headrace load csv {file.name}: {report.rows:,} rows, types from the file")


def _pull(connection: Connection, url: str, folder: Path, tell: Tell) -> None:
    from headrace.feed.pull.client import ApiClient, ClientOptions
    from headrace.feed.pull.pull import ListOptions
    from headrace.feed.pull.session import PullSession, SessionOptions

    tell(f"headrace feed pull {url}")
    options = SessionOptions(create=True, reject_file=folder / "pulled.rejects.csv", lists=PULLED)
    with ApiClient(url, ClientOptions(requests_per_s=100)) as client:
        session = PullSession(client, connection, None, ListOptions(url=url), options)
        session.run()
    reports = session.reports()
    names = ", ".join(report.table.table for report in reports)
    tell(f"  {sum(report.written.rows for report in reports):,} rows: {names}")
