"""What the compiler makes of SQL: documents, contracts, shapes, the oracle's text."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.transform.compile import Options
from headrace.hops.transform.explain import explain
from headrace.hops.transform.render import document
from headrace.names import VIEW_SCHEMA, ViewNames
from tests.unit.transform.orders import ORDERS, attempt, compiled

GOLDEN = Path(__file__).parent / "golden"
VIEWS = {
    "groups": "SELECT country, date_trunc('day', placed_at) AS day, count(*), sum(qty) AS pieces,\n"
    "  sum(price * qty) AS revenue, avg(price)\nFROM orders WHERE qty > 0 GROUP BY 1, day",
    "rows": "SELECT id, qty * 1000 AS q, price, weight, raw, placed_at, email\n"
    "FROM orders WHERE country = 'DE'",
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_document_is_the_golden_one(name: str) -> None:
    view = compiled(VIEWS[name]).declared
    reads = "shop.1.public.orders"
    found = document(view, ViewNames("shop", 4), view.served, "127.0.0.1:9092", reads)
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(json.dumps(found, indent=2) + "\n")
    assert found == json.loads(path.read_text())


def test_the_contract_is_a_table_of_ours() -> None:
    options = Options({"country": "inverted"}, retention_ms=1, retention_bytes=2, flush_rows=300)
    contract = compiled(VIEWS["groups"], ORDERS, options).contract
    assert (contract.table.schema, contract.table.table, contract.served_name) == (
        VIEW_SCHEMA,
        "revenue",
        "revenue",
    )
    assert contract.key == ("__key",)
    assert contract.versioned
    assert contract.partitions == 1
    assert (contract.retention_ms, contract.retention_bytes, contract.flush_rows) == (1, 2, 300)
    assert [(c.name, c.pg_type, c.conversion, c.nullable, c.index) for c in contract.columns] == [
        ("__key", "text", Conversion.TEXT, False, None),
        ("country", "character varying(2)", Conversion.TEXT, True, "inverted"),
        ("day", "timestamp with time zone", Conversion.TIMESTAMP_TZ, True, None),
        ("count", "bigint", Conversion.LONG, False, None),
        ("pieces", "bigint", Conversion.LONG, True, None),
        ("revenue", "numeric", Conversion.DECIMAL, True, None),
        ("avg", "numeric", Conversion.DECIMAL, False, None),
    ]
    assert TableContract.from_json(contract.to_json()) == contract


def test_layout_case_and_comments_do_not_change_the_shape() -> None:
    one = compiled("SELECT country, count(*) AS n FROM orders GROUP BY country")
    other = compiled("-- all\nselect COUNTRY , COUNT ( * ) as n\n from public.orders o group by 1;")
    assert one.shape == other.shape


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT country, count(qty) AS n FROM orders GROUP BY country",
        "SELECT country, count(*) AS m FROM orders GROUP BY country",
        "SELECT country, count(*) AS n FROM orders WHERE qty > 0 GROUP BY country",
        "SELECT code, count(*) AS n FROM orders GROUP BY code",
    ],
)
def test_another_meaning_is_another_shape(sql: str) -> None:
    one = compiled("SELECT country, count(*) AS n FROM orders GROUP BY country")
    view, _ = attempt(sql)
    assert view is None or view.shape != one.shape


def test_the_tables_shape_is_part_of_the_views() -> None:
    sql = "SELECT country, count(*) AS n FROM orders GROUP BY country"
    changed = replace(ORDERS, columns=(*ORDERS.columns, Column("more", "text", Conversion.TEXT)))
    assert compiled(sql).shape != compiled(sql, changed).shape
    indexed = replace(ORDERS, columns=tuple(replace(column, index="bloom") for column in ORDERS.columns))
    assert compiled(sql).shape == compiled(sql, indexed).shape


def test_the_oracle_is_the_users_own_text() -> None:
    view = compiled("SELECT  id /* key */\nFROM orders -- all of them\nWHERE 'a;' <> country ; -- end")
    assert view.sql == (
        'SELECT  id /* key */\nFROM "public"."orders" AS "orders" -- all of them\nWHERE \'a;\' <> country'
    )
    aliased = compiled("SELECT o.id FROM public.orders o")
    assert aliased.over("(SELECT 1 AS id)") == "SELECT o.id FROM (SELECT 1 AS id) o"


def test_a_masked_column_is_text() -> None:
    view = compiled("SELECT email, count(*) FROM orders GROUP BY email")
    assert view.columns[0].pg_type == "text"


def test_an_alias_gives_way_to_a_column_of_its_name() -> None:
    view = compiled("SELECT qty AS country, count(*) FROM orders GROUP BY qty, country")
    assert view.group_said == ("qty", "country")
    assert [one.expr for one in view.group] == ["`qty`", "`country`"]


def test_equal_sums_are_held_once() -> None:
    view = compiled(
        "SELECT country, sum(price) AS a, sum(price) * 2 AS b, avg(price) AS c FROM orders GROUP BY 1"
    )
    assert len(view.sums) == 1


def test_the_explanation_says_what_is_kept() -> None:
    found = explain(compiled(VIEWS["groups"]))
    assert found.kind.startswith("groups")
    assert found.key == "1, day"
    assert found.filter
    assert found.columns[3][3] == "made of the group's sums"
