"""Lists in every style of paging, and what can be wrong with them."""

from __future__ import annotations

import json
import stat

import pytest
from fastapi import Response
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headrace.errors import HeadraceError


def numbered(count):
    return [{"id": number, "name": f"n{number}"} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 10, 35])
@pytest.mark.parametrize(
    ("style", "options"),
    [
        ("cursor", {}),
        ("link", {}),
        ("single", {}),
        ("page", {"paging": "page"}),
        ("offset", {"paging": "offset"}),
        ("page", {"paging": "page", "recheck": False}),
        ("offset", {"paging": "offset", "recheck": False}),
    ],
)
def test_every_style_brings_every_row_once(api, pull, rows, style, options, count):
    api.rows = numbered(count)
    for _ in range(2):
        (report,) = pull(f"{api.url}/{style}", **options)
    if not count:
        assert rows("SELECT to_regclass('t')") == [(None,)]
        return
    assert rows() == [(number, f"n{number}") for number in range(count)]
    assert report.style == style if count > 10 else report.key == ("id",)
    assert (report.written.inserted, report.written.updated, report.written.unchanged) == (
        0,
        0,
        report.written.rows,
    )


@pytest.mark.parametrize("style", ["offset", "page"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    moves=st.lists(
        st.tuples(st.integers(1, 8), st.sampled_from(["insert", "delete"]), st.integers(0, 49)), max_size=8
    )
)
@example(moves=[(1, "insert", 0), *[(1, "delete", 0)] * 4, (7, "insert", 0)])  # a last page that comes again
@example(moves=[(4, "insert", 0)] * 10)  # a whole page that comes again
def test_rows_that_move_others_lose_none(api, pull, connection, rows, style, moves):
    connection.execute("DROP TABLE IF EXISTS t; DROP SCHEMA IF EXISTS headrace_feed CASCADE")
    api.rows, api.requests = [{"id": number} for number in range(0, 500, 10)], []
    stay = {row["id"] for row in api.rows}
    new = iter(range(10_000))
    if style == "page":  # pages share no row: one added and one removed between two requests can hide another
        moves = [(at, moves[0][1], place) for at, _, place in moves]

    def change(request):
        for at, what, place in moves:
            if at == request and what == "delete" and place < len(api.rows):
                stay.discard(api.rows.pop(place)["id"])
            elif at == request and what == "insert":
                api.rows.insert(place, {"id": 1000 + next(new)})

    api.before = change
    pull(f"{api.url}/{style}", paging=style)
    assert stay <= {row[0] for row in rows()}


def test_types_are_those_that_hold(api, pull, rows):
    deep = {"a": [1.10, None], "b": "ü"}
    api.rows = [
        {"id": 1, "price": "10.50", "code": "0042", "zip": "10115", "at": "2026-01-01T10:00:00+02:00",
         "day": "2026-01-01", "yes": True, "n": 1, "f": 1, "nested": deep, "mixed": 1,
         "none": None, "big": 10**30},
        {"id": 2, "price": "7.00", "code": "7", "zip": "10117", "at": "2026-01-01T10:00:00Z",
         "day": "2026-02-01", "yes": None, "n": -5, "f": 1.25, "nested": None, "mixed": "x",
         "none": None, "big": 1},
    ]  # fmt: skip
    pull(f"{api.url}/single")
    types = dict(
        rows(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = 't'::regclass AND attnum > 0"
        )
    )
    assert types == {
        "id": "bigint", "price": "numeric", "code": "text", "zip": "text", "at": "timestamp with time zone",
        "day": "date", "yes": "boolean", "n": "bigint", "f": "numeric", "nested": "jsonb", "mixed": "text",
        "none": "text", "big": "numeric",
    }  # fmt: skip
    assert rows("SELECT price::text, f::text, big::text, nested FROM t WHERE id = 1") == [
        ("10.50", "1", str(10**30), deep)
    ]


def test_rows_that_do_not_fit_go_to_the_reject_file(api, pull, rows, connection, tmp_path):
    connection.execute(
        "CREATE TABLE t (id int PRIMARY KEY, price numeric(6,2), day date, at timestamp, doc jsonb,"
        " w varchar(3), CHECK (price < 100))"
    )
    good = {
        "id": 1,
        "price": "1.50",
        "day": "2026-01-01",
        "at": "2026-01-01T00:00:00",
        "doc": [1],
        "w": "abc",
    }
    bad = [
        {"id": 2, "price": "1.505"}, {"id": 3, "price": "x"}, {"id": 4, "day": "2026-01-01T10:00:00Z"},
        {"id": 5, "at": "2026-01-01T00:00:00Z"}, {"id": 6, "price": ""}, {"id": 7, "w": "a\0b"},
        {"id": 8, "doc": {"a": "\0"}}, {"id": 9, "w": "abcd"}, {"id": 10, "price": 100}, {"price": 1}, 17,
        {"id": 11, "w": "\ud800"}, {"id": "x12"}, {"id": None},
    ]  # fmt: skip
    api.rows = [good, *bad]
    (report,) = pull(f"{api.url}/single", create=False)
    assert rows("SELECT id, price::text, doc FROM t") == [(1, "1.50", [1])]
    assert (report.written.inserted, report.written.rejected) == (1, len(bad))
    path = tmp_path / "rejects.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    for reason in (
        "more digits behind the point",
        "a time with its zone",
        "empty text",
        "a NUL character",
        "longer than 3",
        "violates the constraint",
        "may not be null",
        "not an object",
        "surrogate",
    ):
        assert reason in text, reason
    assert len(text.splitlines()) == 1 + len(bad)
    with pytest.raises(HeadraceError) as caught:
        pull(f"{api.url}/single", create=False, max_rejects=3)
    assert caught.value.code == "too-many-rejects"


def test_fields_that_appear_and_vanish(api, pull, rows):
    api.rows = [{"id": 1, "a": "x", "b": "y"}]
    pull(f"{api.url}/single")
    api.rows = [{"id": 1, "a": "z"}, {"id": 2, "a": "q", "newField": 1.5}]
    pull(f"{api.url}/single", create=False)
    assert rows("SELECT id, a, b FROM t ORDER BY id") == [(1, "z", None), (2, "q", None)]
    assert pull.notes == ["public.t has no column for the field newField: it is left out"]
    pull(f"{api.url}/single")
    assert rows("SELECT id, new_field::text FROM t ORDER BY id") == [(1, None), (2, "1.5")]


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("stuck-cursor", {}, "feed-cursor-stands-still"),
        ("stuck-page", {"paging": "page"}, "feed-page-ignored"),
        ("stuck-page", {"paging": "offset"}, "feed-page-ignored"),
        ("elsewhere", {}, "feed-next-elsewhere"),
        ("part", {}, "feed-paging"),
        ("nothing", {}, "feed-not-found"),
        ("docs", {}, "feed-not-json"),
        ("openapi.json", {}, "feed-not-a-list"),
        ("single", {"key": ("nope",)}, "feed-key"),
        ("single", {"create": False}, "table-missing"),
        ("offset?offset=x", {}, "feed-refused"),
        ("single", {"table": None}, "feed-no-catalogue"),
    ],
)
def test_what_is_wrong_is_said(api, pull, path, options, code):
    api.rows = numbered(35)
    with pytest.raises(HeadraceError) as caught:
        pull(f"{api.url}/{path}", **options)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "code"), [(401, "feed-unauthorized"), (403, "feed-forbidden"), (500, "feed-failing")]
)
def test_statuses(api, pull, status, code):
    api.answers = {number: Response("{}", status) for number in range(1, 13)}
    with pytest.raises(HeadraceError) as caught:
        pull(f"{api.url}/single", headers={"Authorization": "hunter2"})
    assert caught.value.code == code
    assert "hunter2" not in str(caught.value.as_dict())
    assert api.requests[0].headers["authorization"] == "hunter2"


def test_nothing_listens(pull):
    with pytest.raises(HeadraceError) as caught:
        pull("http://127.0.0.1:1/x")
    assert caught.value.code == "feed-unreachable"


def test_no_tls_there(api, pull):
    with pytest.raises(HeadraceError) as caught:
        pull(api.url.replace("http:", "https:") + "/single")
    assert caught.value.code == "feed-tls"


def test_retry_after_is_waited_for(api, pull, rows):
    api.rows = numbered(3)
    api.answers = {1: Response("{}", 429, headers={"Retry-After": "0"}), 2: Response("not json", 503)}
    pull(f"{api.url}/single")
    assert len(rows()) == 3
    assert pull.client.traffic.retries == 2


def test_a_key_is_found_or_asked_for(api, pull, rows, connection):
    api.rows = [{"a": 1, "b": 1}, {"a": 1, "b": 2}]
    with pytest.raises(HeadraceError) as caught:
        pull(f"{api.url}/single")
    assert caught.value.code == "feed-key"
    connection.execute('CREATE TABLE t (a int, b int, "c" text, PRIMARY KEY (a, b))')
    (report,) = pull(f"{api.url}/single", create=False)
    assert report.key == ("a", "b")
    assert len(rows("SELECT a, b FROM t")) == 2


def test_what_the_state_table_keeps_is_no_secret(api, pull, connection):
    api.rows = numbered(35)
    pull(f"{api.url}/link?token=hunter2")
    kept = json.dumps(connection.execute("SELECT url, position FROM headrace_feed.positions").fetchall())
    assert "hunter2" not in kept
