"""Values of every type that is carried, and what the connector makes of them.

The page docs/reference/types.md and the test on the real connector are both written from this.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TypeCase:
    """A type and its values.

    Attributes:
        type: as one writes it in CREATE TABLE.
        values: PostgreSQL's literal and the envelope's JSON value, the same in the snapshot, in inserts, in
            both images of updates and in deletes.
        rejected: the same for values that are set aside, because Pinot has no exact place for them.
        garbage: literals of which only the beginning of each element is always the same.
        setup: statements that must come first.
    """

    type: str
    values: tuple[tuple[str, object], ...]
    rejected: tuple[tuple[str, object], ...] = ()
    garbage: tuple[str, ...] = ()
    setup: str = ""


def _same(*texts: str) -> tuple[tuple[str, object], ...]:
    return tuple((text, text) for text in texts)


_MICROS = (
    ("1970-01-01 00:00:00", 0),
    ("2024-02-29 12:34:56.123456", 1709210096123456),
    ("1969-12-31 23:59:59.999999", -1),
    ("0001-01-01 00:00:00", -62135596800000000),
    ("9999-12-31 23:59:59.999999", 253402300799999999),
    ("1582-10-10 12:00:00", -12219681600000000),
    ("2024-03-31 02:30:00", 1711852200000000),
)
_MICROS_REJECTED = (
    ("0001-12-31 23:59:59.999999 BC", -62135596800000001),
    ("4713-01-01 00:00:00 BC", -210863520000000000),
    ("10000-01-01 00:00:00", 253402300800000000),
    ("infinity", 9223372036854775807),
    ("-infinity", -9223372036854775808),
)

CASES: tuple[TypeCase, ...] = (
    TypeCase("boolean", (("true", True), ("false", False))),
    TypeCase("bit(1)", (("1", True), ("0", False))),
    TypeCase("smallint", (("-32768", -32768), ("32767", 32767))),
    TypeCase("integer", (("-2147483648", -2147483648), ("2147483647", 2147483647))),
    TypeCase("bigint", (("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1))),
    TypeCase("oid", (("0", 0), ("4294967295", 4294967295))),
    TypeCase(
        "real",
        (
            ("0", 0.0),
            ("0.1", 0.1),
            ("3.4028235e38", 3.4028235e38),
            ("1e-45", 1.4e-45),
            ("16777217", 16777216.0),
        ),
        (("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity")),
    ),
    TypeCase(
        "double precision",
        (
            ("0.1", 0.1),
            ("1.7976931348623157e308", 1.7976931348623157e308),
            ("5e-324", 5e-324),
            ("1e23", 1e23),
        ),
        (("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity")),
    ),
    TypeCase(
        "numeric",
        (
            *_same("0", "1.10", "-0.000000000000000000000000000001"),
            *_same("12345678901234567890.123456789012345678901234567890"),
            ("1e30", "1" + "0" * 30),
        ),
        (("NaN", "NAN"), ("Infinity", "POSITIVE_INFINITY"), ("-Infinity", "NEGATIVE_INFINITY")),
    ),
    TypeCase("numeric(20,4)", (("1.1", "1.1000"), ("-1234567890123456.7891", "-1234567890123456.7891"))),
    TypeCase("text", _same("", "zażółć 𝄞", 'line\nbreak\ttab "q" \\b', "\x01\u2028", "null")),
    TypeCase("character varying(20)", _same("", "a b  ")),
    TypeCase("character(5)", (("ab", "ab   "), ("abcde", "abcde"))),
    TypeCase('"char"', _same("a", "")),
    TypeCase("uuid", _same("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    TypeCase("json", _same('{"b":1,  "a":[1,null]}', "null", "1.10")),
    TypeCase(
        "jsonb", (('{"b":1,  "a":[1,null]}', '{"a": [1, null], "b": 1}'), ("null", "null"), ("1.10", "1.10"))
    ),
    TypeCase(
        "inet", (("10.0.0.1", "10.0.0.1"), ("10.0.0.1/24", "10.0.0.1/24"), ("fe80::1/64", "fe80::1/64"))
    ),
    TypeCase("cidr", _same("10.0.0.0/8", "10.1.2.3/32", "fe80::/10")),
    TypeCase("macaddr", (("08-00-2B-01-02-03", "08:00:2b:01:02:03"),)),
    TypeCase("macaddr8", _same("08:00:2b:01:02:03:04:05")),
    TypeCase("tsvector", (("a fat cat", "'a' 'cat' 'fat'"), ("'a':1A 'b':2,3B", "'a':1A 'b':2,3B"))),
    TypeCase("int4range", (("[1,5]", "[1,6)"), ("empty", "empty"), ("(,)", "(,)"))),
    TypeCase("int8range", (("[1,5)", "[1,5)"),)),
    TypeCase("numrange", _same("[1.10,2.5)", "empty")),
    TypeCase("daterange", _same("[2024-01-01,2024-01-05)", "[2024-01-01,infinity]")),
    TypeCase("tsrange", _same('["2024-01-01 00:00:00","2024-01-02 00:00:00.123456")')),
    TypeCase("tstzrange", (("[2024-01-01 00:00:00+02,)", '["2023-12-31 22:00:00+00",)'),)),
    TypeCase("bytea", (("\\x", ""), ("\\x00", "AA=="), ("\\xdeadbeef", "3q2+7w=="))),
    TypeCase(
        "date",
        (
            *(("1970-01-01", 0), ("2024-02-29", 19782), ("0001-01-01", -719162), ("9999-12-31", 2932896)),
            *(("1582-10-04", -141438), ("1582-10-10", -141432), ("1582-10-15", -141427)),
        ),
        (
            *(("0001-12-31 BC", -719163), ("4713-01-01 BC", -2440550), ("10000-01-01", 2932897)),
            *(("infinity", 2146033979), ("-infinity", -2147472691)),
        ),
    ),
    TypeCase(
        "time",
        (
            ("00:00:00", 0),
            ("12:34:56.789", 45296789000),
            ("23:59:59.999999", 86399999999),
            ("24:00:00", 86400000000),
        ),
    ),
    TypeCase("timestamp", _MICROS, _MICROS_REJECTED),
    TypeCase("timestamp(3)", (("2024-02-29 12:34:56.123", 1709210096123000),)),
    TypeCase(
        "timestamp with time zone",
        (
            ("2024-02-29 12:34:56.123456+05:30", "2024-02-29T07:04:56.123456Z"),
            ("1969-12-31 23:59:59.9+00", "1969-12-31T23:59:59.900000Z"),
            ("0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59.999999Z"),
        ),
        (
            ("0044-03-15 01:02:03+00 BC", "-0043-03-15T01:02:03.000000Z"),
            ("10000-01-01 00:00:00+00", "+10000-01-01T00:00:00.000000Z"),
            *_same("infinity", "-infinity"),
        ),
    ),
    TypeCase("timestamp(0) with time zone", (("2024-02-29 12:34:56+00", "2024-02-29T12:34:56Z"),)),
    TypeCase("mood", _same("so so", "ż", "it's"), setup="CREATE TYPE mood AS ENUM ('so so', 'ż', 'it''s')"),
    TypeCase(
        "low_price",
        (("1.1", "1.10"),),
        setup="CREATE DOMAIN price AS numeric(12,2); CREATE DOMAIN low_price AS price CHECK (value < 10)",
    ),
    TypeCase("birthday", (("2024-02-29", 19782),), setup="CREATE DOMAIN birthday AS date"),
    TypeCase("boolean[]", (("{t,f}", [True, False]),), (("{t,NULL}", [True, None]),)),
    TypeCase("smallint[]", (("{}", []), ("{1,-3}", [1, -3]))),
    TypeCase(
        "integer[]",
        (("{}", []), ("{1,-3}", [1, -3])),
        (("{1,NULL}", [1, None]), ("{{1,2},{3,4}}", [None, None])),
    ),
    TypeCase("bigint[]", (("{9223372036854775807}", [2**63 - 1]),)),
    TypeCase(
        "text[]",
        (("{}", []), ('{a,"NULL","","q\\"",ż,"{x}"}', ["a", "NULL", "", 'q"', "ż", "{x}"])),
        (("{a,NULL}", ["a", None]),),
        ("{{a,b},{c,d}}",),
    ),
    TypeCase("character varying(10)[]", (("{a,b}", ["a", "b"]),)),
    TypeCase(
        "uuid[]",
        (("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),),
        (),
        ("{{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}}",),
    ),
)

EXTENSIONS: tuple[TypeCase, ...] = (
    TypeCase("citext", _same("AbC", "ż"), setup="CREATE EXTENSION citext"),
    TypeCase("ltree", _same("a.b.c"), setup="CREATE EXTENSION ltree"),
    TypeCase("xml", (("<a>1</a>", "<a>1</a>"), ('<?xml version="1.0"?><a/>', "<a/>"))),
)
"""The embedded PostgreSQL has none of these; Debian's does."""

GARBAGE_PREFIX = "[Ljava."
"""How every element of a lost dimension of texts begins; the rest is an address in memory."""
