"""The dashboard as a resource of a real Superset over a real Pinot, and what it shows."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest

from headrace.errors import HeadraceError
from headrace.hops.present import probe
from headrace.hops.present.client import SupersetClient
from headrace.hops.present.probe import ChartAnswer
from headrace.hops.present.resource import Dashboard
from headrace.hops.serve.query import QueryClient
from tests.integration.present.browser import chromium, log_in
from tests.integration.present.conftest import ROWS, Bench, row, wait_for_offset
from tests.unit.present.contracts import ORDERS

SQL = 'SELECT * FROM "shop_orders_1"'

pytestmark = [pytest.mark.engines, pytest.mark.slow]


@pytest.fixture
def dashboard(filled: Bench) -> Iterator[Dashboard]:
    found = filled.dashboard()
    found.apply()
    yield found
    found.delete()


def test_import_read_import_delete(filled: Bench) -> None:
    dashboard = filled.dashboard()
    dashboard.delete()
    assert dashboard.read() is None
    dashboard.apply()
    assert dashboard.read() == dashboard.desired
    before = {kind: filled.client.list(kind) for kind in ("dashboard", "chart", "dataset", "database")}
    dashboard.apply()
    assert {kind: filled.client.list(kind) for kind in before} == before
    dashboard.delete()
    dashboard.delete()
    assert dashboard.read() is None
    assert {kind: filled.client.list(kind) for kind in before} == {kind: [] for kind in before}


def test_changes_by_hand_are_seen_and_put_back(dashboard: Dashboard) -> None:
    client = dashboard.client
    chart, dataset, board = (client.list(kind)[0] for kind in ("chart", "dataset", "dashboard"))
    client.put("chart", int(str(chart["id"])), {"slice_name": "mine"})
    client.put("dataset", int(str(dataset["id"])), {"sql": "SELECT 1", "description": "mine"})
    client.put("dashboard", int(str(board["id"])), {"dashboard_title": "mine", "published": False})
    seen = dashboard.read()
    assert seen is not None
    changed = {key.partition(":")[0] for key in seen if seen[key] != dashboard.desired[key]}
    assert changed == {"chart", "dataset", "dashboard"}
    client.delete("chart", int(str(chart["id"])))
    seen = dashboard.read()
    assert seen is not None
    assert dashboard.desired.keys() - seen.keys() == {f"chart:{chart['uuid']}"}
    dashboard.apply()
    assert dashboard.read() == dashboard.desired


def test_delete_and_apply_leave_what_others_made(dashboard: Dashboard) -> None:
    client = dashboard.client
    database = int(str(client.list("database")[0]["id"]))
    client.post("dataset", {"database": database, "table_name": "x", "sql": SQL})
    client.post("dashboard", {"dashboard_title": "somebody's"})
    dashboard.apply()
    dashboard.delete()
    assert [one["table_name"] for one in client.list("dataset", ("id", "table_name"))] == ["x"]
    assert len(client.list("dashboard")) == 1
    for kind in ("dashboard", "dataset", "database"):
        for one in client.list(kind):
            client.delete(kind, int(str(one["id"])))


def test_a_dataset_of_the_same_name_is_told(dashboard: Dashboard) -> None:
    client = dashboard.client
    database = int(str(client.list("database")[0]["id"]))
    mine = next(one for one in client.list("dataset"))
    client.delete("dataset", int(str(mine["id"])))
    client.post("dataset", {"database": database, "table_name": "orders", "sql": SQL})
    with pytest.raises(HeadraceError) as caught:
        dashboard.apply()
    assert caught.value.code == "present-name-taken"
    for one in client.list("dataset"):
        client.delete("dataset", int(str(one["id"])))


def test_a_chart_that_is_not_needed_any_more_goes(dashboard: Dashboard) -> None:
    narrow = replace(ORDERS, columns=tuple(c for c in ORDERS.columns if c.name in {"id", "country"}))
    changed = Dashboard(
        dashboard.client,
        replace(dashboard.presentation, shown=(replace(dashboard.presentation.shown[0], contract=narrow),)),
    )
    assert changed.read() != changed.desired
    changed.apply()
    assert changed.read() == changed.desired
    assert len(dashboard.client.list("chart")) == 5


def test_every_chart_shows_what_the_rows_say(dashboard: Dashboard, filled: Bench) -> None:
    answers = {answer.slot: answer for answer in probe.check(dashboard.client, dashboard.presentation)}
    rows = [row(number) for number in range(ROWS)]
    totals = [one["total"] for one in rows if one["total"] is not None]
    assert answers["rows"].rows == ((ROWS,),)
    exact = sum((Decimal(str(total)) for total in totals), Decimal())
    assert Decimal(float(exact)) != exact, "the sum is to be one that a double does not hold"
    assert answers["sum-1"].rows == ((exact,),)
    assert answers["sum-2"].rows == ((sum(int(str(one["quantity"] or 0)) for one in rows),),)
    assert Counter(dict(answers["groups"].rows)) == Counter(one["status"] for one in rows)
    days: dict[int | None, Decimal | None] = {}
    for one in rows:
        day = midnight_ms(one["placed_at"])
        known, total = days.get(day), one["total"]
        days[day] = known if total is None else (known or Decimal()) + Decimal(str(total))
    assert dict(answers["series"].rows) == days
    [[age]] = answers["age"].rows
    assert isinstance(age, Decimal | int)
    assert 0 <= age < 600
    newest = answers["newest"]
    assert len(newest.rows) == 20
    by_key = {one["id"]: one for one in rows}
    for shown in newest.rows:
        named = dict(zip(newest.columns, shown, strict=True))
        for name in ("status", "country", "quantity", "total", "paid", "unit_price"):
            assert named[name] == by_key[named["id"]][name], name
    same = QueryClient(filled.pinot, "shop").run("SELECT COUNT(*), SUM(total), SUM(quantity) FROM orders")
    told = tuple(answers[slot].rows[0][0] for slot in ("rows", "sum-1", "sum-2"))
    assert tuple(same.rows[0]) == told


def midnight_ms(at: object) -> int | None:
    if not isinstance(at, datetime):
        return None
    return int(at.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1000


def test_null_groups_are_groups(dashboard: Dashboard) -> None:
    without_status = replace(ORDERS, columns=tuple(c for c in ORDERS.columns if c.name != "status"))
    shown = replace(dashboard.presentation.shown[0], contract=without_status)
    changed = Dashboard(dashboard.client, replace(dashboard.presentation, shown=(shown,)))
    changed.apply()
    answers = {one.slot: one for one in probe.check(changed.client, changed.presentation)}
    expected = Counter(row(number)["country"] for number in range(ROWS))
    assert Counter(dict(answers["groups"].rows)) == expected


def test_a_chart_that_fails_fails_with_its_name(dashboard: Dashboard) -> None:
    shown = replace(dashboard.presentation.shown[0], physical="shop_orders_99")
    broken = Dashboard(dashboard.client, replace(dashboard.presentation, shown=(shown,)))
    broken.apply()
    with pytest.raises(HeadraceError) as caught:
        probe.check(broken.client, broken.presentation)
    assert caught.value.code == "chart-failed"
    assert "orders: rows" in caught.value.summary


def test_charts_of_a_dashboard_that_is_not_there_are_missing(filled: Bench) -> None:
    filled.dashboard().delete()
    with pytest.raises(HeadraceError) as caught:
        probe.check(filled.client, filled.presentation())
    assert caught.value.code == "chart-missing"


def test_a_new_generation_is_switched_in_place(dashboard: Dashboard, filled: Bench) -> None:
    numbers = {kind: dashboard.client.list(kind) for kind in ("dashboard", "chart", "dataset")}
    offset = filled.generation(2).write("r", [row(1), row(2)], time_ms=1)
    wait_for_offset(filled.pinot, "shop_orders_2", offset)
    second = filled.dashboard(2)
    assert second.read() != second.desired
    second.apply()
    assert second.read() == second.desired
    assert {kind: second.client.list(kind) for kind in numbers} == numbers
    assert rows_of(probe.check(second.client, second.presentation)) == 2


def rows_of(answers: tuple[ChartAnswer, ...]) -> object:
    return next(answer.rows[0][0] for answer in answers if answer.slot == "rows")


def test_a_wrong_password_is_one_clear_error(filled: Bench) -> None:
    with SupersetClient(filled.superset.url, "not-the-one") as client, pytest.raises(HeadraceError) as caught:
        client.list("chart")
    assert caught.value.code == "superset-login"
    assert "not-the-one" not in str(caught.value.as_dict())


def test_nobody_reads_or_writes_without_a_login_or_its_token(filled: Bench) -> None:
    url = filled.superset.url
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as stranger:
        for path in ("dashboard", "chart", "dataset", "database"):
            assert stranger.get(f"/api/v1/{path}/").status_code == 401
        assert stranger.post("/api/v1/chart/data", json={}).status_code in {400, 401}
        assert stranger.get("/superset/welcome/").status_code == 302
        login = {"username": "admin", "password": filled.superset.password, "provider": "db"}
        token = stranger.post("/api/v1/security/login", json=login).json()["access_token"]
        refused = stranger.post(
            "/api/v1/dashboard/",
            json={"dashboard_title": "forged"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert refused.status_code == 400
        assert "CSRF" in refused.text
        policy = stranger.get("/login/").headers["content-security-policy"]
    assert "http" not in policy


def test_no_secret_is_in_a_log_an_argv_or_an_open_file(filled: Bench) -> None:
    superset = filled.superset
    key = (superset.folder.root / "secrets" / "superset.key").read_text()
    texts = [path.read_text(errors="replace") for path in superset.folder.logs.iterdir()]
    for process in superset.processes():
        texts += [*process.cmdline(), *process.environ().values()]
    for path in (superset.folder.root / "config" / "superset").iterdir():
        if path.is_file():
            texts.append(path.read_text(errors="replace"))
    assert not [text for text in texts if superset.password in text or key in text]
    secrets = superset.folder.root / "secrets"
    assert {path.stat().st_mode & 0o077 for path in (secrets, *secrets.iterdir())} == {0}
    listening = {
        connection.laddr.ip
        for process in superset.processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_nothing_grows_while_a_dashboard_refreshes(dashboard: Dashboard, filled: Bench) -> None:
    metadata = filled.superset.folder.root / "data" / "superset" / "metadata.db"
    probe.check(dashboard.client, dashboard.presentation)
    before = metadata.stat().st_size
    for _ in range(3):
        probe.check(dashboard.client, dashboard.presentation)
    assert metadata.stat().st_size == before


def test_a_person_sees_it_move(dashboard: Dashboard, filled: Bench, tmp_path: Path) -> None:
    folder = Path(os.environ.get("HEADRACE_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        log_in(browser, filled.superset.url, filled.superset.password)
        browser.open(dashboard.url)
        browser.wait(shows(f"{ROWS:,}"))
        browser.wait("return document.querySelectorAll('canvas').length >= 2")
        browser.wait("return document.querySelectorAll('table tbody tr').length >= 10")
        number = ROWS
        began = time.monotonic()
        offset = filled.generations[1].write(
            "c", [{**row(number), "placed_at": datetime.now(UTC)}], time_ms=int(time.time() * 1000)
        )
        browser.wait(shows(f"{ROWS + 1:,}"), timeout_s=20)
        seen_s = time.monotonic() - began
        browser.screenshot(folder / "dashboard.png")
        assert browser.console() == []
        answered = browser.requests()
        assert not [url for url, status in answered if status >= 400]
        web = [url for url, _ in answered if url.startswith("http")]
        assert all(url.startswith(filled.superset.url) for url in web)
        assert seen_s < 20
    filled.generations[1].write("d", [row(number)], time_ms=int(time.time() * 1000))
    wait_for_offset(filled.pinot, "shop_orders_1", offset + 1)


def shows(number: str) -> str:
    return (
        "return [...document.querySelectorAll('.header-line')]"
        f".some(line => line.innerText.trim() === '{number}')"
    )
