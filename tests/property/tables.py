"""The tables histories play on, and the values that go into them, boundary values of every type among them.

A value is a pair: the text PostgreSQL prints for it (UTC, ISO dates), and a plain Python value that says the
same. PostgreSQL is compared by text, any other system by plain value.
"""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

NOT_CARRIED = object()
"""The plain value of what no column of Pinot can hold: the row is set aside, its key disappears."""


@dataclass(frozen=True)
class Value:
    """What PostgreSQL prints, and what it means."""

    text: str
    plain: object

    def __repr__(self) -> str:
        return f"Value({self.text[:40]!r}{'…' if len(self.text) > 40 else ''})"


Row = tuple[Value | None, ...]
Key = tuple[Value, ...]


@dataclass(frozen=True)
class Column:
    """A column and the pool its values come from; the first value of a pool is the plainest."""

    name: str
    sql_type: str
    pool: tuple[Value, ...]
    nullable: bool = True
    big: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its key columns come first in `columns`; `key_of(n)` is the n-th key of its key space."""

    name: str
    columns: tuple[Column, ...]
    key_width: int
    key_of: Callable[[int], Key]
    suffix: str = ""
    extra: tuple[str, ...] = ()

    @property
    def key_columns(self) -> tuple[Column, ...]:
        return self.columns[: self.key_width]

    @property
    def value_columns(self) -> tuple[Column, ...]:
        return self.columns[self.key_width :]

    def ddl(self) -> list[str]:
        columns = ", ".join(
            f"{c.name} {c.sql_type}{'' if c.nullable and c not in self.key_columns else ' NOT NULL'}"
            for c in self.columns
        )
        key = ", ".join(c.name for c in self.key_columns)
        storage = [
            f"ALTER TABLE {self.name} ALTER {c.name} SET STORAGE EXTERNAL" for c in self.columns if c.big
        ]
        return [
            f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({key})){self.suffix}",
            *self.extra,
            *storage,
        ]

    def random_row(self, key: Key, seed: int) -> Row:
        """The values of a row, a pure function of the seed; seed 0 gives the plainest row."""
        return (*key, *(pick(column, seed * 31 + n) for n, column in enumerate(self.value_columns)))


def pick(column: Column, seed: int) -> Value | None:
    """A value of the column's pool, NULL now and then; a pure function of the seed."""
    if seed < 31:
        return column.pool[0]
    source = random.Random(seed)
    if column.nullable and source.random() < 0.15:
        return None
    return source.choice(column.pool)


def _same(*texts: str) -> tuple[Value, ...]:
    return tuple(Value(text, text) for text in texts)


def _ints(*numbers: int) -> tuple[Value, ...]:
    return tuple(Value(str(number), number) for number in numbers)


def _decimals(*texts: str) -> tuple[Value, ...]:
    return tuple(Value(text, Decimal(text)) for text in texts)


def _floats(*texts: str) -> tuple[Value, ...]:
    return tuple(Value(text, float(text)) for text in texts)


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text.removesuffix("+00"))
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001


def _instants(*texts: str, zone: str = "") -> tuple[Value, ...]:
    return tuple(Value(text + zone, _micros(text)) for text in texts)


def _dates(*texts: str) -> tuple[Value, ...]:
    return tuple(Value(text, date.fromisoformat(text)) for text in texts)


def _bytes(*values: bytes) -> tuple[Value, ...]:
    return tuple(Value("\\x" + value.hex(), value) for value in values)


def _noise(seed: int, length: int) -> str:
    source = random.Random(seed)
    return "".join(source.choices(string.ascii_letters + string.digits + "äß😀", k=length))


ODD_TEXTS = _same(
    "a",
    "",
    " ",
    "  two  spaces  ",
    "it's",
    '"quoted"',
    "back\\slash",
    "\\N",
    "tab\there",
    "line\nbreak\r\n",
    "null",
    "NULL",
    "{}",
    "[1,2]",
    "%s %d %%",
    "__debezium_unavailable_value",
    "\x01\x1f\x7f",
    "é",
    "e\u0301",
    "日本語",
    "😀👩‍👩‍👧",
    "\u202eright to left",
    "\ufeffbom",
    "\uffff\U0010ffff",
    "a,b;c|d",
    "x" * 511,
    "x" * 512,
    "x" * 513,
    "y" * 5000,
)

BIG_TEXTS = (Value("small", "small"), *_same(*(_noise(n, 100_000) for n in range(3))), *_same("b" * 3000))

_INT_KEYS = [1, 0, -1, 2**63 - 1, -(2**63), 2**31, -(2**31) - 1, 2**53 + 1, 10**18]


def _plain_key(number: int) -> Key:
    value = _INT_KEYS[number] if number < len(_INT_KEYS) else number + 1000
    return (Value(str(value), value),)


_REGIONS = ["eu", "", "us-east", "ü", "a|b", "'", "A" * 300, "a\tb"]


def _composite_key(number: int) -> Key:
    region, place = _REGIONS[number % len(_REGIONS)], number // len(_REGIONS)
    no = [0, 1, -1, 2**31 - 1, -(2**31)][place] if place < 5 else place
    return (Value(region, region), Value(str(no), no))


_WORDS = [
    "a",
    "A",
    " ",
    "",
    "a ",
    " a",
    "it's",
    '"',
    "\\",
    "\\\\",
    "line\nbreak",
    "tab\t",
    "é",
    "e\u0301",
    "😀",
    "null",
    "\x01",
    "k" * 512,
    "k" * 513,
    "k" * 2000,
    _noise(7, 300),
    "{'a': 1}",
    '{"word":"a"}',
    "日" * 600,
    "\U0010ffff",
    "%",
]


def _word_key(number: int) -> Key:
    word = _WORDS[number] if number < len(_WORDS) else f"word {number}"
    return (Value(word, word),)


def _event_key(number: int) -> Key:
    kind = ["click", "view", "order", "other", "é"][number % 5]
    return (Value(str(number), number), Value(kind, kind))


def _uuid_key(number: int) -> Key:
    text = str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128))
    return (Value(text, text),)


_MONEY = _decimals("0.00", "1.50", "-1.50", "9999999999.99", "-9999999999.99", "0.01", "12.30")
_NUMERIC = _decimals(
    "0",
    "1",
    "1.0",
    "1.00",
    "-0.1",
    "100",
    "123456789012345678901234567890.123456789012345678901234567890",
    "-99999999999999999999999999999999999999",
    "0.000000000000000000000000000001",
    "3.14159",
)

PLAIN = Table(
    "plain",
    (
        Column("id", "bigint", (), nullable=False),
        Column("label", "text", ODD_TEXTS),
        Column("amount", "numeric(12,2)", _MONEY),
        Column("qty", "integer", _ints(0, 1, -1, 2**31 - 1, -(2**31), 42)),
        Column("flag", "boolean", (Value("t", True), Value("f", False))),
    ),
    1,
    _plain_key,
)

LEDGER = Table(
    "ledger",
    (
        Column("region", "text", (), nullable=False),
        Column("no", "integer", (), nullable=False),
        Column("note", "varchar(40)", _same("n", "", "ü" * 40, "x" * 40, "it's")),
        Column("amount", "numeric", _NUMERIC),
    ),
    2,
    _composite_key,
)

WORDS = Table(
    "words",
    (
        Column("word", "text", (), nullable=False),
        Column("hits", "bigint", _ints(0, 1, 2**63 - 1, -(2**63), 2**53 + 1)),
        Column("meaning", "text", ODD_TEXTS),
        Column("body", "text", BIG_TEXTS, big=True),
    ),
    1,
    _word_key,
)

EVENTS = Table(
    "events",
    (
        Column("id", "bigint", (), nullable=False),
        Column("kind", "text", (), nullable=False),
        Column("payload", "text", ODD_TEXTS),
        Column("weight", "double precision", _floats("0", "1.5", "-2.25", "1e-300")),
    ),
    2,
    _event_key,
    suffix=" PARTITION BY LIST (kind)",
    extra=(
        "CREATE TABLE events_click PARTITION OF events FOR VALUES IN ('click')",
        "CREATE TABLE events_view PARTITION OF events FOR VALUES IN ('view', 'order')",
        "CREATE TABLE events_rest PARTITION OF events DEFAULT",
    ),
)

_TIMES = ("00:00:00", "23:59:59.999999", "12:34:56.7", "24:00:00", "00:00:00.000001")
_INSTANTS = (
    "2024-02-29 12:34:56",
    "1970-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59.999999",
    "2038-01-19 03:14:08.000001",
    "1582-10-10 00:00:00.5",
)
_INTERVALS = (
    Value("1 day", (0, 1, 0)),
    Value("00:00:00", (0, 0, 0)),
    Value("1 year 2 mons 3 days 04:05:06.789", (14, 3, 14_706_789_000)),
    Value("-1 years -2 mons +3 days -04:05:06.000001", (-14, 3, -14_706_000_001)),
    Value("00:00:00.000001", (0, 0, 1)),
    Value("100 years", (1200, 0, 0)),
)

WIDE = Table(
    "wide",
    (
        Column("id", "uuid", (), nullable=False),
        Column("small", "smallint", _ints(0, 32767, -32768)),
        Column("real4", "real", _floats("0", "1.5", "-3.25", "1e-30", "3.4028235e+38", "0.1")),
        Column(
            "real8", "double precision", _floats("0", "0.1", "1.7976931348623157e+308", "5e-324", "-1e-07")
        ),
        Column("exact", "numeric", _NUMERIC),
        Column("scaled", "numeric(20,6)", _decimals("0.000000", "1.500000", "-99999999999999.999999")),
        Column("fixed", "char(5)", _same("abc  ", "abcde", "     ", "ü    ")),
        Column("day", "date", _dates("2024-02-29", "1970-01-01", "0001-01-01", "9999-12-31", "1582-10-10")),
        Column("clock", "time", tuple(Value(text, text) for text in _TIMES)),
        Column("local_at", "timestamp", _instants(*_INSTANTS)),
        Column("at", "timestamptz", _instants(*_INSTANTS, zone="+00")),
        Column("lasts", "interval", _INTERVALS),
        Column(
            "ref",
            "uuid",
            _same("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ),
        Column("doc", "json", _same('{"a": 1}', "null", '  {"b":[1, 2.50, "é\\n"]}', '"x"', "1e400")),
        Column("docb", "jsonb", _same('{"a": 1}', "null", "[]", '{"a": {"b": [1, 2.50, null]}}', '"é"')),
        Column("raw", "bytea", _bytes(b"a", b"", bytes(range(256)), b"\x00" * 3000)),
        Column(
            "numbers",
            "integer[]",
            (
                Value("{1,2}", [1, 2]),
                Value("{}", []),
                Value("{-2147483648,2147483647}", [-(2**31), 2**31 - 1]),
            ),
        ),
        Column(
            "names",
            "text[]",
            (
                Value("{a,b}", ["a", "b"]),
                Value("{}", []),
                Value(
                    '{"","null","a,b","\\"q\\"","back\\\\slash",é}',
                    ["", "null", "a,b", '"q"', "back\\slash", "é"],
                ),
            ),
        ),
        Column("mood", "mood", _same("ok", "sad", "très content")),
        Column("positive", "positive", _ints(1, 2**31 - 1)),
        Column("address", "inet", _same("10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32")),
        Column("bits", "bit(3)", _same("101", "000")),
        Column("span", "int4range", _same("[1,3)", "empty", "(,5)", "[7,)")),
        Column("body", "text", BIG_TEXTS, big=True),
    ),
    1,
    _uuid_key,
)

TABLES = {table.name: table for table in (PLAIN, LEDGER, WORDS, EVENTS, WIDE)}

PRELUDE = (
    "CREATE TYPE mood AS ENUM ('ok', 'sad', 'très content')",
    "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)",
)
"""What the wide table needs before it can be made."""

FORBIDDEN: dict[str, tuple[Value, ...]] = {
    "numeric": tuple(Value(text, NOT_CARRIED) for text in ("NaN", "Infinity", "-Infinity")),
    "double precision": tuple(Value(text, NOT_CARRIED) for text in ("NaN", "Infinity", "-Infinity")),
    "real": tuple(Value(text, NOT_CARRIED) for text in ("NaN", "Infinity")),
    "date": tuple(
        Value(text, NOT_CARRIED) for text in ("infinity", "-infinity", "0044-03-15 BC", "10000-01-01")
    ),
    "timestamp": tuple(Value(text, NOT_CARRIED) for text in ("infinity", "0044-03-15 12:00:00 BC")),
    "integer[]": tuple(Value(text, NOT_CARRIED) for text in ("{1,NULL}", "{{1,2},{3,4}}")),
    "text[]": tuple(Value(text, NOT_CARRIED) for text in ("{NULL}", "{{a,b}}")),
    "timestamptz": tuple(Value(text, NOT_CARRIED) for text in ("-infinity", "0044-03-15 12:00:00+00 BC")),
}
"""By type, values that PostgreSQL takes and that must be set aside, seen and counted, on the way."""
