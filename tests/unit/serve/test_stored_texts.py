"""Which comparisons of values that Pinot keeps as texts are answered, and with which constants."""

from __future__ import annotations

import pytest

from headrace.contract import Column, Conversion, Mask, TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve import statement
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.query import compile_select
from headrace.hops.serve.render import Status
from headrace.names import CaptureNames, TableName
from headrace.observe.row_path import served_condition

CONTRACT = TableContract(
    TableName("public", "things"),
    "things",
    ("id",),
    (
        Column("id", "numeric(10,2)", Conversion.DECIMAL_TEXT, False),
        Column("n", "integer", Conversion.INT, False),
        Column("c", "character(5)", Conversion.TEXT, False),
        Column("name", "character varying(9)", Conversion.TEXT, False),
        Column("nick", "text", Conversion.TEXT, False),
        Column("mail", "extensions.citext", Conversion.TEXT, False),
        Column("clock", "time(3) without time zone", Conversion.TIME_MICROS, False),
        Column("mood", "mood", Conversion.TEXT, False),
        Column("u", "uuid", Conversion.TEXT, False),
        Column("addr", "inet", Conversion.TEXT, False),
        Column("net", "cidr", Conversion.TEXT, False),
        Column("mac", "macaddr", Conversion.TEXT, False),
        Column("doc", "jsonb", Conversion.TEXT),
        Column("tags", "integer[]", Conversion.JSON_TEXT, False),
        Column("span", "numrange", Conversion.TEXT, False),
        Column("raw", "bytea", Conversion.BYTES, False),
        Column("hidden", "mood", Conversion.TEXT, False, Mask.HASH),
    ),
)
UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
GENERATION = Generation("shop_things_3", "things", CaptureNames("shop", 3), Status.LIVE, CONTRACT)


def sent(sql: str) -> str:
    return compile_select(statement.parse(sql).bind(CONTRACT), GENERATION)[1].sql or "nothing"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("id = 10.0", "\"id\" = '10'"),
        ("id IN ('1.50', 2)", "(\"id\" = '1.5' OR \"id\" = '2')"),
        ("id <> 0.00", "\"id\" <> '0'"),
        ("c = 'ab'", "\"c\" = 'ab   '"),
        ("c = 'ab  '", "\"c\" = 'ab   '"),
        ("c = 'ab'::text", "\"c\" = 'ab   '"),
        ("c LIKE 'a_   '", "REGEXP_LIKE(\"c\", '(?-iu)^a(?s:.)   \\z')"),
        ("TRIM(c) < 'b'", "TRIM(BOTH ' ' FROM \"c\") < 'b'"),
        ("name < 'b'", "\"name\" < 'b'"),
        ("name < nick", '"name" < "nick"'),
        ("clock = '9:00'", "\"clock\" = '09:00:00'"),
        ("clock >= TIME '09:00:00.500'", "\"clock\" >= '09:00:00.5'"),
        ("clock < '24:00'", "\"clock\" < '24:00:00'"),
        ("mood = 'ok'", "\"mood\" = 'ok'"),
        ("hidden > 'ab'", "\"hidden\" > 'ab'"),
        (f"u = '{UUID.upper()}'", f"\"u\" = '{UUID}'"),
        (f"u IS NOT DISTINCT FROM '{UUID}'::uuid", f"\"u\" = '{UUID}'"),
        (f"u = '{{{UUID.replace('-', '')}}}'", f"\"u\" = '{UUID}'"),
        ("addr = '10.0.0.1/32'", "\"addr\" = '10.0.0.1'"),
        ("addr = '10.0.0.1/8'", "\"addr\" = '10.0.0.1/8'"),
        ("net = '10.1.2.3'", "\"net\" = '10.1.2.3/32'"),
        ("mac = '08:00:2B:01:02:03'", "\"mac\" = '08:00:2b:01:02:03'"),
        ("doc IS NULL", '"doc" IS NULL'),
        ("raw = 'ab'", "\"raw\" = '6162'"),
        ("raw = '\\x00FF'", "\"raw\" = '00ff'"),
    ],
)
def test_a_constant_is_written_as_its_value_is_stored(condition: str, expected: str) -> None:
    found = sent(f"SELECT n FROM things WHERE {condition} LIMIT 1")
    found = found.partition(" WHERE ")[2].removesuffix(" LIMIT 1")
    assert found == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, c, mail, mood, doc, tags, span, addr FROM things",
        "SELECT mood, COUNT(*) FROM things GROUP BY mood",
        "SELECT mood, COUNT(*) FROM things GROUP BY mood HAVING mood IS NOT NULL",
        "SELECT DISTINCT c FROM things",
        "SELECT DISTINCT addr FROM things",
        "SELECT COUNT(DISTINCT mood), COUNT(doc) FROM things",
        "SELECT n FROM things ORDER BY u, clock, TRIM(c)",
        "SELECT clock FROM things GROUP BY clock ORDER BY clock",
        "SELECT CASE WHEN mood = 'ok' THEN 1 ELSE 0 END AS k FROM things GROUP BY k ORDER BY k",
    ],
)
def test_what_does_not_depend_on_the_texts_is_answered(sql: str) -> None:
    assert sent(sql).startswith("SELECT")


@pytest.mark.parametrize(
    "sql",
    [
        *(
            f"SELECT n FROM things WHERE {condition}"
            for condition in (
                "id > 9",
                "id BETWEEN 1 AND 20",
                "c < 'b'",
                "c = name",
                "c = 'ab '::text",
                "upper(c) = 'AB'",
                "ltrim(c) = 'ab'",
                "mail = 'BOB'",
                "mail <> 'BOB'",
                "mail IN ('a')",
                "mail LIKE 'a%'",
                "lower(mail) = 'bob'",
                "mail IS DISTINCT FROM 'bob'",
                "clock = '09:00'::text",
                "mood < 'ok'",
                "mood = 'ok'::text",
                "mood = nick",
                "mood LIKE 'o%'",
                "u LIKE 'a%'",
                "u = 'nothing'",
                "addr < '10.0.0.1'",
                "addr = '::1'",
                "addr = '10.0.0.1/255.0.0.0'",
                "net = '10.1.2.3/8'",
                "mac = '08002b010203'",
                "doc = '{}'",
                "tags = '{1}'",
                "span = '[1,2)'",
                "CASE WHEN doc = '{}' THEN 1 ELSE 0 END = 1",
                "COALESCE(doc, '{}') = '{}'",
            )
        ),
        "SELECT n FROM things ORDER BY id",
        "SELECT n FROM things ORDER BY mood",
        "SELECT n FROM things ORDER BY c",
        "SELECT n FROM things ORDER BY doc",
        "SELECT MIN(mood) FROM things",
        "SELECT COUNT(*) FILTER (WHERE mood > 'ok') FROM things",
        "SELECT COUNT(DISTINCT mail) FROM things",
        "SELECT mail, COUNT(*) FROM things GROUP BY mail",
        "SELECT DISTINCT tags FROM things",
        "SELECT mood FROM things GROUP BY mood ORDER BY mood",
        "SELECT mood FROM things GROUP BY mood HAVING mood > 'ok'",
        "SELECT COUNT(*) FROM things GROUP BY (mood) HAVING (mood) > 'ok'",
        "SELECT clock FROM things GROUP BY clock HAVING clock = '09:00'",
        "SELECT c = 'ab' FROM things GROUP BY c",
        "SELECT c FROM things GROUP BY c ORDER BY COALESCE(c, 'a')",
    ],
)
def test_what_the_texts_do_not_tell_is_refused(sql: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        sent(sql)
    assert caught.value.code == "query-unsupported"


def test_a_row_is_traced_by_its_place_where_its_key_is_not_compared() -> None:
    columns = [CONTRACT.column(name) for name in ("id", "mail")]
    condition = served_condition(columns, ["1.50", "Bob"], 7)
    assert condition == "\"id\" = '1.5' AND __offset = 7"
    assert sent(f"SELECT n FROM things WHERE {condition}").startswith("SELECT")
    assert served_condition(columns[:1], ["2"], 7) == "\"id\" = '2'"


@pytest.mark.parametrize("condition", ["id = 'ten'", "clock = 'noon'", "raw = '\\101'", "raw = '\\x0'"])
def test_what_is_no_value_of_the_type_is_refused(condition: str) -> None:
    with pytest.raises(HeadraceError) as caught:
        sent(f"SELECT n FROM things WHERE {condition}")
    assert caught.value.code == "query-literal"
