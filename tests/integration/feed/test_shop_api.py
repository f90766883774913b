"""The shop's API as a reader meets it."""

from __future__ import annotations

import functools
import itertools
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import HeadraceError
from headrace.feed.shop.api import cursor_of, position_of
from headrace.feed.shop.history import HISTORY_ENDS, Size, make_history
from headrace.feed.shop.limits import Faults
from headrace.feed.shop.rhythm import Rhythm
from headrace.feed.shop.serve import ServeOptions, serving
from headrace.feed.shop.tables import BY_NAME, SHOP_TABLES

# Without certificates to load a request costs little.
get = functools.partial(httpx.get, verify=False, timeout=30)
SMALL = Size(customers=40, products=10, orders=120)


@pytest.fixture(scope="module")
def shop():
    with serving(ServeOptions(port=0, size=SMALL)) as running:
        yield running


def pages(url, **parameters):
    address = httpx.URL(url, params=parameters)
    while address:
        answer = get(address).json()
        yield from answer["data"]
        address = answer["next"]


@pytest.mark.parametrize("table", [table.name for table in SHOP_TABLES])
def test_pages_of_any_size_hold_each_row_once_in_order(shop, table):
    found = list(pages(f"{shop.url}{table}", limit=7))
    assert found == list(pages(f"{shop.url}{table}", limit=1000))
    keys = [tuple(row[part] for part in BY_NAME[table].key) for row in found]
    assert len(set(keys)) == len(keys) == shop.store.counts()[table] > 0
    assert found == sorted(found, key=lambda row: (row["updated_at"], *(row[k] for k in BY_NAME[table].key)))
    middle = found[len(found) // 2]["updated_at"]
    assert list(pages(f"{shop.url}{table}", limit=9, updated_since=middle)) == [
        row for row in found if row["updated_at"] >= middle
    ]


def test_the_same_seed_is_the_same_shop_and_another_is_another():
    first, again, other = (make_history(SMALL, seed)[0] for seed in (1, 1, 2))
    assert first.rows("orders") == again.rows("orders")
    assert first.rows("orders") != other.rows("orders")
    assert all(row["updated_at"] < HISTORY_ENDS for row in first.rows("orders").values())
    totals = {number: 0 for (number,) in first.rows("orders")}
    for (number, _), line in first.rows("order_lines").items():
        totals[number] += line["quantity"] * line["price"]
    assert totals == {number: row["total"] for (number,), row in first.rows("orders").items()}


def test_one_row_money_and_times(shop):
    answer = get(f"{shop.url}orders/1")
    row = answer.json()
    assert isinstance(row["total"], str) and row["total"][-3] == "."
    assert row["placed_at"].endswith("Z")
    same = get(f"{shop.url}orders/1", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304
    assert get(f"{shop.url}order_lines/1/1").json()["order_id"] == 1
    assert get(f"{shop.url}orders/0").status_code == 404
    assert get(f"{shop.url}orders/x").status_code == 404


def test_wrong_questions(shop):
    of_orders = get(f"{shop.url}orders", params={"limit": 1}).json()["cursor"]
    assert get(f"{shop.url}order_lines", params={"cursor": of_orders}).status_code == 400
    assert get(f"{shop.url}orders", params={"cursor": "x"}).status_code == 400
    assert get(f"{shop.url}orders", params={"updated_since": "2026-01-01T00:00:00"}).status_code == 400
    assert get(f"{shop.url}orders", params={"limit": 0}).status_code == 422


def test_the_openapi_page_needs_no_other_host(shop):
    page = get(f"{shop.url}docs").text
    sources = [part.split('"')[0] for part in page.split('src="')[1:] + page.split('href="')[1:]]
    assert sources and all(source.startswith("/docs/static/") for source in sources)
    assert all(get(f"{shop.url[:-1]}{source}").status_code == 200 for source in sources)
    paths = get(f"{shop.url}openapi.json").json()["paths"]
    assert {f"/{table.name}" for table in SHOP_TABLES} <= set(paths)


def test_keys():
    with serving(ServeOptions(port=0, size=SMALL, key="k3y")) as shop:
        assert get(f"{shop.url}orders").status_code == 401
        assert get(f"{shop.url}orders", headers={"X-API-Key": "other"}).status_code == 403
        assert get(f"{shop.url}orders", headers={"X-API-Key": "k3y"}).status_code == 200
        assert get(f"{shop.url}orders/1").status_code == 401


def test_limits():
    with serving(ServeOptions(port=0, size=SMALL, requests_per_s=0.1)) as shop:
        answers = [get(f"{shop.url}orders") for _ in range(4)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert answers[0].status_code == 200
        assert refused and all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)


def test_faults_are_of_every_kind_and_repeatable():
    def outcome(url):
        try:
            return get(url).status_code
        except httpx.RemoteProtocolError:
            return "cut"

    runs = []
    for _ in range(2):
        with serving(ServeOptions(port=0, size=SMALL, faults=Faults(0.5, slow_s=0.01, seed=3))) as shop:
            runs.append([outcome(f"{shop.url}orders") for _ in range(40)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500, 503, "cut"}


def test_the_shop_is_not_opened_to_others_without_a_key():
    with pytest.raises(HeadraceError) as caught, serving(ServeOptions(host="0.0.0.0", port=0, size=SMALL)):
        pass
    assert caught.value.code == "feed-serve-open"


def test_a_taken_port_is_said(shop):
    port = httpx.URL(shop.url).port
    with pytest.raises(HeadraceError) as caught, serving(ServeOptions(port=port, size=SMALL)):
        pass
    assert caught.value.code == "feed-port-taken"


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(0, 2**62),
    st.integers(0, 2**31),
)
def test_cursors_come_back(at, order, line):
    table = BY_NAME["order_lines"]
    position = position_of(cursor_of((at, (order, line))), table)
    assert position[1] == (order, line)
    assert position[0] == at


def test_a_cursor_from_the_end_of_time_is_refused():
    edge = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    with pytest.raises(ValueError, match="no cursor"):
        position_of(cursor_of((edge, (1,))), BY_NAME["orders"])


@given(st.text(max_size=40))
def test_no_text_breaks_a_cursor(text):
    try:
        position_of(text, BY_NAME["orders"])
    except ValueError:
        return


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=30),
    st.lists(st.integers(0, 6), min_size=30, max_size=30),
)
def test_a_reader_loses_no_row_however_changes_fall_between_its_pages(limits, changes):
    """Pages of random size, random changes between them: what was there at the beginning is seen."""
    store, shop = make_history(Size(customers=5, products=3, orders=15), 1)
    life = (one for one in shop.transactions() if one.commits)
    was_there = {name: set(store.rows(name)) for name in ("orders", "products")}
    clock = itertools.count(1)
    for name, keys in was_there.items():
        seen, after, rounds = (
            set(),
            None,
            itertools.cycle(zip(limits, itertools.cycle(changes), strict=False)),
        )
        for step in range(500):
            limit, count = next(rounds)
            page = store.page(name, after=after, since=None, limit=limit)
            seen |= {tuple(row[part] for part in BY_NAME[name].key) for row in page.rows}
            if not page.more:
                break
            after = page.last
            for transaction in itertools.islice(life, count if step < 60 else 0):
                at = HISTORY_ENDS.replace(second=0).timestamp() + next(clock)
                store.apply(transaction.statements, HISTORY_ENDS.fromtimestamp(at, HISTORY_ENDS.tzinfo))
        assert keys <= seen


@given(st.floats(0.5, 5000), st.floats(1, 100_000), st.floats(0, 1))
def test_a_rhythm_keeps_its_mean_and_never_goes_back(rate, day_s, begins):
    rhythm = Rhythm(rate, day_s, begins * day_s)
    days = round(rate * day_s * 3)
    assert rhythm.due_s(days) == pytest.approx(days / rate, abs=day_s * 0.01 + 1 / rate)
    due = [rhythm.due_s(round(days * part / 20)) for part in range(21)]
    assert due == sorted(due)


@pytest.mark.parametrize("orders", [0, 1, 60])
def test_the_shop_goes_on_from_its_past(orders):
    store, shop = make_history(Size(20, 5, orders), 1)
    for transaction in itertools.islice((one for one in shop.transactions() if one.commits), 2000):
        store.apply(transaction.statements, datetime.now(UTC))  # refuses to change a row that is not there
    for table in SHOP_TABLES:
        assert all(set(row) == {c.name for c in table.columns} for row in store.rows(table.name).values())
