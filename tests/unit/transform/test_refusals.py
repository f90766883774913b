"""Each construct that is not taken is refused for its own reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.hops.transform.compile import Options
from tests.unit.transform.orders import ORDERS, attempt

ITEMS = {
    "qty / 2": "division",
    "qty % 2": "% and mod",
    "mod(qty, 2)": "% and mod",
    "qty ^ 2": "powers",
    "weight + 1": "only passed through",
    "weight > 1": "only passed through",
    "country < 'X'": "collation",
    "country BETWEEN 'A' AND 'B'": "collation",
    "code = 'abc'": "only passed through",
    "body = '{}'": "only passed through",
    "raw + 1": "unlimited digits",
    "upper(country)": "locale",
    "lower(country)": "locale",
    "initcap(country)": "locale",
    "country ILIKE 'a%'": "locale",
    "country ~ 'a'": "regular expressions",
    "country SIMILAR TO 'a'": "regular expressions",
    "now()": "clock",
    "current_timestamp": "clock",
    "current_date": "clock",
    "localtimestamp": "clock",
    "clock_timestamp()": "clock",
    "random()": "call to call",
    "gen_random_uuid()": "call to call",
    "(SELECT 1)": "subquery",
    "qty IN (SELECT 1)": "subquery",
    "EXISTS (SELECT 1)": "subquery",
    "qty = ANY (ARRAY[1])": "subquery",
    "sum(qty) OVER ()": "window",
    "row_number() OVER (ORDER BY id)": "window",
    "count(*)": "without GROUP BY",
    "sum(qty)": "without GROUP BY",
    "country LIKE 'a\\%'": "backslash",
    "country LIKE country": "literal pattern",
    "country LIKE 'a' ESCAPE 'x'": "ESCAPE",
    "concat(country, 'x')": "concat()",
    "due + interval '1 day'": "interval",
    "due + 1": "arithmetic on date",
    "date_part('year', due)": "double precision",
    "date_trunc('century', placed_at)": "unit",
    "date_trunc('day', placed_at, 'UTC')": "zone",
    "extract(century from placed_at)": "field",
    "extract(hour from due)": "field",
    "placed_at AT TIME ZONE 'Europe/Berlin'": "another zone",
    "tags": "array",
    "notes": "excluded",
    "nothing": "no column",
    "other.id": "another table",
    "*": "*",
    "round(qty)": "double precision",
    "sign(qty)": "double precision",
    "round(price, qty)": "literal number",
    "sqrt(price)": "not known",
    "md5(country)": "not known",
    "frobnicate(country)": "not known",
    "CAST(country AS integer)": "not known to be the same",
    "CAST(weight AS text)": "only passed through",
    "CAST(price AS double precision)": "this type",
    "CAST(qty AS varchar(3))": "this type",
    "CAST(greatest(price, 1) AS text)": "differ from value to value",
    "substring(country, 0)": "literal of at least 1",
    "substring(country, qty)": "literal of at least 1",
    "left(country, -1)": "literal of at least 0",
    "substring(country from 'a.c')": "literal of at least 1",
    "trim(both country from country)": "literal characters",
    "country || qty": "a text is needed",
    "CASE WHEN qty THEN 1 END": "condition is needed",
    "CASE WHEN true THEN qty ELSE country END": "different types",
    "placed_at > due": "different types",
    "due > '31.1.2024'": "not taken as date",
    "due > 'today'": "not taken as date",
    "qty = 'x'": "not taken as integer",
    "qty = id IN (1)": "parentheses",
    "qty BETWEEN SYMMETRIC 2 AND 1": "SYMMETRIC",
    "price * price * price * price": "digits",
    'id COLLATE "C"': "COLLATE",
    "1e5": "written in a form",
    "$1": "parameters",
    "ARRAY[1]": "arrays",
    "E'a'": "literals",
    "$$a$$": "literals",
    "U&'a'": "literals",
}
STATEMENTS = {
    "SELECT id FROM orders JOIN other USING (id)": "one table",
    "SELECT id FROM orders, other": "one table",
    "SELECT id FROM orders CROSS JOIN LATERAL (SELECT 1) x": "one table",
    "SELECT id FROM (SELECT id FROM orders) x": "declared table",
    "SELECT 1 AS a": "FROM is missing",
    "SELECT id FROM generate_series(1, 2) id": "declared table",
    "SELECT id FROM other": "no declared table",
    "SELECT DISTINCT id FROM orders": "DISTINCT",
    "SELECT country, count(DISTINCT qty) FROM orders GROUP BY country": "DISTINCT in an aggregate",
    "SELECT country, count(*) FROM orders GROUP BY country HAVING count(*) > 1": "HAVING",
    "SELECT id FROM orders ORDER BY id": "no order",
    "SELECT id FROM orders LIMIT 1": "LIMIT",
    "SELECT id FROM orders OFFSET 1": "OFFSET",
    "SELECT id FROM orders FETCH FIRST ROW ONLY": "LIMIT",
    "SELECT id FROM orders UNION ALL SELECT id FROM orders": "UNION",
    "WITH x AS (SELECT 1) SELECT id FROM orders": "WITH",
    "SELECT id FROM orders WINDOW w AS (ORDER BY id)": "window",
    "SELECT id FROM orders FOR UPDATE": "lock",
    "SELECT id FROM orders TABLESAMPLE SYSTEM (1)": "FROM",
    "SELECT id FROM ONLY orders": "FROM",
    "SELECT country, count(*) FROM orders GROUP BY ROLLUP (country)": "grouping sets",
    "SELECT country, count(*) FROM orders GROUP BY GROUPING SETS ((country), ())": "grouping sets",
    "SELECT country, min(qty) FROM orders GROUP BY country": "taken back",
    "SELECT country, max(qty) FROM orders GROUP BY country": "taken back",
    "SELECT country, array_agg(qty) FROM orders GROUP BY country": "keeps every value",
    "SELECT country, string_agg(code, ',') FROM orders GROUP BY country": "keeps every value",
    "SELECT country, stddev(qty) FROM orders GROUP BY country": "double precision",
    "SELECT country, bool_and(qty > 1) FROM orders GROUP BY country": "keeps every value",
    "SELECT country, sum(weight) FROM orders GROUP BY country": "not linear",
    "SELECT country, avg(weight) FROM orders GROUP BY country": "not linear",
    "SELECT country, sum(raw) FROM orders GROUP BY country": "unlimited digits",
    "SELECT country, avg(raw) FROM orders GROUP BY country": "unlimited digits",
    "SELECT country, avg(greatest(price, 1)) FROM orders GROUP BY country": "differ from value to value",
    "SELECT country, sum(country) FROM orders GROUP BY country": "sum of character varying",
    "SELECT country, sum(price * price * price) FROM orders GROUP BY country": "are kept",
    "SELECT country, sum(id) * sum(id) AS x FROM orders GROUP BY country": "digits",
    "SELECT country, sum(qty) * sum(qty) AS x FROM orders GROUP BY country": "behind an aggregate",
    "SELECT country, sum(qty) / count(*) AS x FROM orders GROUP BY country": "division",
    "SELECT country, qty FROM orders GROUP BY country": "differs within a group",
    "SELECT country, sum(sum(qty)) FROM orders GROUP BY country": "single rows",
    "SELECT country, count(*) FROM orders WHERE sum(qty) > 1 GROUP BY country": "single rows",
    "SELECT weight, count(*) FROM orders GROUP BY weight": "only passed through",
    "SELECT count(*) FROM orders GROUP BY 2": "position 2",
    "SELECT 1 AS one, count(*) FROM orders GROUP BY one": "constant",
    "SELECT id, id FROM orders": "two columns",
    'SELECT id, id AS "ID" FROM orders': "two columns",
    "SELECT id + 1 FROM orders": "without a name",
    "SELECT id AS __id FROM orders": "keeps for itself",
    "SELECT id AS id__micros FROM orders": "keeps for itself",
    'SELECT id AS "a b" FROM orders': "plain identifier",
    "SELECT id FROM orders WHERE qty": "condition is needed",
    "DELETE FROM orders": "one SELECT",
    "SELEC id": "SELECT",
    "SELECT id FROM orders; SELECT id FROM orders": "exactly one",
    "SELECT id, FROM WHERE": "SQL",
    "": "exactly one",
}


@pytest.mark.parametrize(("item", "reason"), ITEMS.items(), ids=ITEMS)
def test_an_expression_is_refused(item: str, reason: str) -> None:
    view, refusals = attempt(
        f"SELECT id,\n  {item} AS x\nFROM orders" if item != "*" else "SELECT * FROM orders"
    )
    assert view is None
    assert reason in refusals[0].reason
    assert refusals[0].hint


@pytest.mark.parametrize(("sql", "reason"), STATEMENTS.items(), ids=STATEMENTS)
def test_a_statement_is_refused(sql: str, reason: str) -> None:
    view, refusals = attempt(sql)
    assert view is None
    assert any(reason in refusal.reason for refusal in refusals), refusals
    assert all(refusal.hint for refusal in refusals)


def test_every_reason_is_found_at_once_and_has_its_line() -> None:
    _, refusals = attempt("SELECT id,\n upper(country) AS a,\n qty / 2 AS b\nFROM orders\nWHERE weight > 1")
    assert [refusal.line for refusal in refusals] == [5, 2, 3]


def test_a_later_class_is_named() -> None:
    _, refusals = attempt("SELECT country, max(qty) FROM orders GROUP BY country")
    assert refusals[0].needs == "history of each group"


def test_a_table_of_several_partitions_has_no_views() -> None:
    _, refusals = attempt("SELECT id FROM orders", replace(ORDERS, partitions=2))
    assert "2 partitions" in refusals[0].reason


def test_an_index_is_on_a_column_of_the_result() -> None:
    _, refusals = attempt("SELECT id FROM orders", ORDERS, Options({"qty": "range"}))
    assert "no column of the result" in refusals[0].reason
