"""What is sent to Pinot for a SELECT, without a server; that the answers are right is tested on real ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.contract import Column, Conversion, TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve import statement
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.query import compile_select
from headrace.hops.serve.render import Status
from headrace.names import CaptureNames, TableName

CONTRACT = TableContract(
    TableName("public", "orders"),
    "orders",
    ("id",),
    (
        Column("id", "bigint", Conversion.LONG, False),
        Column("Name", "text", Conversion.TEXT),
        Column("qty", "integer", Conversion.INT),
        Column("num", "integer", Conversion.INT, False),
        Column("price", "numeric(12,2)", Conversion.DECIMAL),
        Column("ratio", "real", Conversion.FLOAT, False),
        Column("at", "timestamp without time zone", Conversion.TIMESTAMP_MICROS, False),
        Column("day", "date", Conversion.DATE, False),
        Column("seen", "timestamp with time zone", Conversion.TIMESTAMP_TZ, False),
        Column("code", "text", Conversion.TEXT, False),
    ),
)
GENERATION = Generation("shop_orders_3", "orders", CaptureNames("shop", 3), Status.LIVE, CONTRACT)


def sent(sql: str) -> str | None:
    return compile_select(statement.parse(sql).bind(CONTRACT), GENERATION)[1].sql


def where(condition: str) -> str:
    found = sent(f"SELECT id FROM orders WHERE {condition} LIMIT 1")
    return "nothing" if found is None else found.partition(" WHERE ")[2].removesuffix(" LIMIT 1")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("num = 1", '"num" = 1'),
        ("qty <> 1", '("qty" <> 1 AND "qty" IS NOT NULL)'),
        ("NOT (qty = 1)", '("qty" <> 1 AND "qty" IS NOT NULL)'),
        ("NOT (qty > 1 AND num < 2)", '(("qty" <= 1 AND "qty" IS NOT NULL) OR "num" >= 2)'),
        ("name IS NULL", '"Name" IS NULL'),
        ("NOT (name IS NULL)", '"Name" IS NOT NULL'),
        ("qty NOT IN (1, NULL)", "nothing"),
        ("num IS NULL", "nothing"),
        ("1 < num", '"num" > 1'),
        ("num = 1.5", "nothing"),
        ("num < 1.5", '"num" <= 1'),
        ("num > 3000000000", "nothing"),
        ("num < 3000000000", ""),
        ("ratio = 0.1", "nothing"),
        ("price = 1.1", '("price" = \'1.10\' AND "price" IS NOT NULL)'),
        ("price = 1.111", "nothing"),
        ("price > 0", '("price" >= \'0.01\' AND "price" IS NOT NULL)'),
        ("at > '2024-01-01 00:00:00.000001'", '"at__micros" > 1704067200000001'),
        ("at > '2024-01-02 12:00+02'", '"at__micros" > 1704196800000000'),
        ("at > TIMESTAMP '2024-01-02 12:00+02'", '"at__micros" > 1704196800000000'),
        ("at > TIMESTAMPTZ '2024-01-02 12:00+02'", '"at__micros" > 1704189600000000'),
        ("at > DATE '2024-01-02 12:00'", '"at__micros" > 1704153600000000'),
        ("seen > '2024-01-02 12:00+02'", '"seen__micros" > 1704189600000000'),
        ("seen > TIMESTAMP '2024-01-02 12:00+02'", '"seen__micros" > 1704196800000000'),
        ("day = '2024-01-02'", '"day" = 1704153600000'),
        ("id = num", '(CASE WHEN "id" = "num" THEN 1 ELSE 0 END) = 1'),
        ("day = '2024-01-02 10:00'", '"day" = 1704153600000'),
        ("day < TIMESTAMP '2024-01-02 00:00'", '"day" < 1704153600000'),
        ("day < TIMESTAMPTZ '2024-01-02 02:00+02'", '"day" < 1704153600000'),
        ("name = 'it''s'", "(\"Name\" = 'it''s' AND \"Name\" IS NOT NULL)"),
        ("name = 'option(a)'", "(\"Name\" = CONCAT('opt', 'ion(a)', '') AND \"Name\" IS NOT NULL)"),
        ("trim(code) = 'a'", "TRIM(BOTH ' ' FROM \"code\") = 'a'"),
        ("ltrim(code) = 'a'", "TRIM(LEADING ' ' FROM \"code\") = 'a'"),
        ("trim(trailing 'xy' from code) = 'a'", "TRIM(TRAILING 'xy' FROM \"code\") = 'a'"),
        ("name LIKE 'a.%'", '(REGEXP_LIKE("Name", \'(?-iu)^a\\.(?s:.*)\\z\') AND "Name" IS NOT NULL)'),
    ],
)
def test_conditions(condition: str, expected: str) -> None:
    found = where(condition)
    assert found == expected or (
        expected == "" and "WHERE" not in (sent(f"SELECT id FROM orders WHERE {condition}") or "WHERE")
    )


def test_the_physical_table_is_asked_and_the_limit_is_far() -> None:
    assert sent("SELECT id FROM orders") == 'SELECT "id" FROM "shop_orders_3" LIMIT 1000001'


def test_star_is_the_users_columns() -> None:
    select = statement.parse("SELECT * FROM orders").bind(CONTRACT)
    _, plan = compile_select(select, GENERATION)
    assert [column.name for column in plan.columns] == [column.name for column in CONTRACT.columns]
    assert "__kind" not in (plan.sql or "")


def test_star_of_a_view_leaves_its_key_out() -> None:
    key = Column("__key", "text", Conversion.TEXT, False)
    view = replace(CONTRACT, key=("__key",), columns=(key, *CONTRACT.columns))
    _, plan = compile_select(statement.parse("SELECT * FROM orders").bind(view), GENERATION)
    assert [column.name for column in plan.columns] == [column.name for column in CONTRACT.columns]


def test_constants_inside_case_have_digits_that_make_them_big_decimals() -> None:
    found = sent("SELECT COUNT(*) FILTER (WHERE price >= 0.1) FROM orders") or ""
    assert "\"price\" >= '0.10000000000000000000'" in found


def test_a_constant_beyond_64_bits_is_not_sent_as_a_number() -> None:
    assert "'99999999999999999999.00000000000000000000'" in where("price * 2 > 99999999999999999999")


def test_parentheses_keep_what_may_be_null() -> None:
    bare = sent("SELECT COUNT(CASE WHEN qty > 1 THEN 1 END) FROM orders")
    assert sent("SELECT COUNT((CASE WHEN qty > 1 THEN 1 END)) FROM orders") == bare


def test_sums_are_exact() -> None:
    assert "SUMPRECISION" in (sent("SELECT SUM(price) FROM orders") or "")
    _, plan = compile_select(statement.parse("SELECT MIN(price) FROM orders").bind(CONTRACT), GENERATION)
    assert plan.warnings


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELEC 1", "query-syntax"),
        ("SELECT 1; SELECT 2", "query-syntax"),
        ("DELETE FROM orders", "query-unsupported"),
        ("SELECT * FROM orders JOIN b ON true", "query-unsupported"),
        ("SELECT * FROM (SELECT 1) x", "query-unsupported"),
        ("WITH a AS (SELECT 1) SELECT * FROM orders", "query-unsupported"),
        ("SELECT id FROM orders WHERE id IN (SELECT 1)", "query-unsupported"),
        ("SELECT id FROM orders WHERE qty BETWEEN SYMMETRIC 2 AND 1", "query-unsupported"),
        ("SELECT id FROM orders TABLESAMPLE BERNOULLI (10)", "query-unsupported"),
        ("SELECT id FROM ONLY orders", "query-unsupported"),
        ("SELECT id FROM orders AS o(a, b)", "query-unsupported"),
        ("SELECT id FROM shop.public.orders", "query-unsupported"),
        ("SELECT id FROM archive.orders", "query-unsupported"),
        ('SELECT id FROM "Public".orders', "query-unsupported"),
        ("SELECT archive.orders.id FROM orders", "query-column-unknown"),
        ("SELECT id FROM orders FETCH FIRST 3 ROWS ONLY", "query-unsupported"),
        ("SELECT id FROM orders WHERE code ~ '^A'", "query-unsupported"),
        ("SELECT id FROM orders WHERE code !~* '^A'", "query-unsupported"),
        ("SELECT id FROM orders WHERE regexp_like(code, '^A')", "query-unsupported"),
        ("SELECT id FROM orders WHERE day < TIMESTAMP '2024-01-02 10:00'", "query-unsupported"),
        ("SELECT id FROM orders WHERE day IN (TIMESTAMP '2024-01-02 10:00')", "query-unsupported"),
        ("SELECT id FROM orders WHERE day < TIMESTAMPTZ '2024-01-02 00:00+02'", "query-unsupported"),
        ("SELECT id FROM orders WHERE day = '2024-01-02 soon'", "query-literal"),
        ("SELECT id FROM orders WHERE at = '2024-01-02 00:00:00.0000005'", "query-literal"),
        ("SELECT id FROM orders WHERE at > TIMESTAMP(0) '2024-01-02 00:00:00.6'", "query-unsupported"),
        ("SELECT id FROM orders WHERE code = 'abc'::varchar(2)", "query-unsupported"),
        ("SELECT id FROM orders WHERE qty = 1.5::int", "query-unsupported"),
        ("SELECT upper(code) AS code, COUNT(*) FROM orders GROUP BY code", "query-unsupported"),
        ("SELECT trim(both 'ä' from code) FROM orders", "query-unsupported"),
        ("SELECT id FROM orders WHERE other.qty IS NOT NULL", "query-column-unknown"),
        ("SELECT id FROM orders WHERE other.qty NOT IN (1)", "query-column-unknown"),
        ("SELECT trim(both name from code) FROM orders", "query-unsupported"),
        ("SELECT nope FROM orders", "query-column-unknown"),
        ("SELECT other.id FROM orders", "query-column-unknown"),
        ("SELECT id, COUNT(*) FROM orders", "query-syntax"),
        ("SELECT qty / num FROM orders", "query-unsupported"),
        ("SELECT random() FROM orders", "query-unsupported"),
        ("SELECT id FROM orders WHERE (CASE WHEN qty > 1 THEN 'x' END) IS NULL", "query-unsupported"),
        ("SELECT (CASE WHEN qty > 1 THEN 'x' END) FROM orders", "query-unsupported"),
        ("SELECT id % 10 FROM orders", "query-unsupported"),
        ("SELECT price % 1 FROM orders", "query-unsupported"),
        ("SELECT num % 0 FROM orders", "query-unsupported"),
        ("SELECT num % num FROM orders", "query-unsupported"),
        ("SELECT price * (0.1 + 0.2) FROM orders", "query-unsupported"),
        ("SELECT id FROM orders WHERE day = 'soon'", "query-literal"),
        ("SELECT id FROM orders GROUP BY 3", "query-syntax"),
    ],
)
def test_what_cannot_be_answered_exactly_is_refused(sql: str, code: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        select = statement.parse(sql).bind(CONTRACT)
        _, plan = compile_select(select, GENERATION)
        plan.read([[1] * 9])
    assert caught.value.code == code


def test_equal_keys_in_two_groups_of_pinot_are_refused() -> None:
    sql = "SELECT qty + num, COUNT(*) FROM orders GROUP BY qty + num"
    _, plan = compile_select(statement.parse(sql).bind(CONTRACT), GENERATION)
    with pytest.raises(HeadraceError) as caught:
        plan.read([[1, 1, 5], [2, 1, 6]])  # qty is NULL in both, num differs
    assert caught.value.code == "query-unsupported"


@pytest.mark.parametrize(
    "table", ["orders", "public.orders", 'PUBLIC."orders"', "public.orders AS o", "orders *", "ORDERS"]
)
def test_the_schema_of_the_table_may_stand_before_it(table: str) -> None:
    assert sent(f"SELECT id FROM {table}") == sent("SELECT id FROM orders")


def test_a_view_has_no_schema() -> None:
    view = replace(CONTRACT, table=TableName.of_view("orders"))
    with pytest.raises(HeadraceError) as caught:
        statement.parse("SELECT id FROM public.orders").bind(view)
    assert caught.value.code == "query-unsupported"


def test_a_column_goes_before_an_alias_in_group_by_and_after_it_in_order_by() -> None:
    select = statement.parse("SELECT num AS qty FROM orders GROUP BY qty ORDER BY qty").bind(CONTRACT)
    assert [node.sql() for node in select.group] == ['"qty"']
    assert [key.node.sql() for key in select.order] == ['"num"']
    aliased = statement.parse("SELECT num AS n FROM orders GROUP BY n").bind(CONTRACT)
    assert [node.sql() for node in aliased.group] == ['"num"']


def test_having_may_ask_a_key_for_null() -> None:
    select = statement.parse("SELECT qty FROM orders GROUP BY qty HAVING qty IS NOT NULL").bind(CONTRACT)
    assert compile_select(select, GENERATION)[1].read([[1, 0], [0, 1]]) == [(1,)]


@pytest.mark.parametrize(
    ("having", "held"),
    [
        ("COUNT(*) / 2::float = 1.5", True),
        ("COUNT(*) / 2 = 1", True),
        ("COUNT(*) / 2::real > 1.4", True),
        ("COUNT(*) / -2::float = -1.5", True),
    ],
)
def test_a_constant_keeps_the_type_it_is_cast_to(having: str, held: bool) -> None:
    _, plan = compile_select(
        statement.parse(f"SELECT COUNT(*) FROM orders HAVING {having}").bind(CONTRACT), GENERATION
    )
    assert bool(plan.read([[3]])) is held


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM orders WHERE price = 0.1::float8",
        "SELECT id FROM orders WHERE id IN (1::float8)",
        "SELECT id FROM orders WHERE ratio > 0.1::real",
    ],
)
def test_a_comparison_that_postgresql_makes_in_another_precision_is_refused(sql: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        sent(sql)
    assert caught.value.code == "query-unsupported"


def test_a_time_of_day_beside_the_latest_day_is_refused() -> None:
    sql = "SELECT COUNT(*) FROM orders HAVING MAX(day) < TIMESTAMP '2024-01-02 10:00'"
    _, plan = compile_select(statement.parse(sql).bind(CONTRACT), GENERATION)
    with pytest.raises(HeadraceError) as caught:
        plan.read([[3, 1704153600000]])
    assert caught.value.code == "query-unsupported"
