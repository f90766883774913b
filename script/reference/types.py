"""The page on types: written from the mapping and from the values the tests send through the connector."""

from __future__ import annotations

import json

from tests.integration.source.type_cases import CASES, EXTENSIONS, TypeCase

from headrace.contract import MICROS_SUFFIX, PINOT_TYPE, Conversion
from headrace.hops.source.types import CONVERSIONS, FORESEEN, KEY_CONVERSIONS, REFUSED

_INTRODUCTION = f"""\
# Types

A PostgreSQL type is carried exactly or refused by `headrace plan` with the reason. There is nothing between.
Values that no type can foresee are set aside: the row's key disappears from answers, the table is marked not
exact, and `headrace rejects` shows why.

- Domains are carried as their base type, enumerations as text.
- `timestamp` and `timestamptz` have two columns in Pinot: `placed_at` in milliseconds for charts, and
  `placed_at{MICROS_SUFFIX}` with the exact microseconds since 1970 in UTC.
- An array is the text of a JSON array. The lower bound of an array is not carried.
- `numeric` is a `BIG_DECIMAL`; its digits are exact, its trailing zeros are not kept.
- A column of a type that is refused can be left out with `exclude`.
"""
_CARRIED = """
## Carried

The tests send these values, and more of each type, through the real connector: in the snapshot, in inserts,
in both images of updates and in deletes they must arrive in the same form. Types that can be a key are sent
as one too. `citext`, `ltree` and `xml` are sent from PostgreSQL 15, all others from the embedded one.

| PostgreSQL | in Pinot | in a key | for instance | in the change event | set aside |
|---|---|---|---|---|---|
"""
_REFUSED_HEAD = """
## Refused

The reasons were observed on PostgreSQL 15 and 18 with Debezium 3.7.0; no test repeats them. Nor was every
type looked at: one that stands in neither table is refused because it is not known to be carried.

| PostgreSQL | why |
|---|---|
"""
_SHAPES = (
    (
        "composite types, multiranges, ranges of your own",
        "Debezium leaves columns of these out of its events",
    ),
    ("arrays of enumerations, domains, composites, ranges", "Debezium emits something else than the value"),
    ("numeric(p, -s)", "a negative scale arrives with thousands of zeros after the point"),
    ("any other type", "the type is not known to be carried exactly"),
)
_SPELLED = {"bpchar": "char(n)", "varchar": "varchar(n)", "float4": "real", "float8": "double precision"}
_WORDS = {
    "boolean": "bool",
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "character varying": "varchar",
    "character": "bpchar",
    "timestamp with time zone": "timestamptz",
    '"char"': "char",
}


def types_page() -> str:
    """The text of docs/reference/types.md."""
    carried = "".join(_carried(name, conversion) for name, conversion in CONVERSIONS.items())
    rows = [*sorted((_spelled(name), why) for name, why in REFUSED.items()), *_SHAPES]
    refused = "".join(f"| {name} | {why} |\n" for name, why in rows)
    return _INTRODUCTION + _CARRIED + carried + _REFUSED_HEAD + refused


def base_name(case: TypeCase) -> str:
    """`pg_type.typname` of a case's type: `numeric(20,4)` is `numeric`, `text[]` is `_text`."""
    text = case.type.removesuffix("[]")
    head, parenthesis, rest = text.partition("(")
    text = head + (rest.partition(")")[2] if parenthesis else "")
    name = _WORDS.get(text, text)
    return f"_{name}" if case.type.endswith("[]") else name


def _carried(name: str, conversion: Conversion) -> str:
    case = next((case for case in CASES + EXTENSIONS if base_name(case) == name), None)
    literal, form = max(case.values, key=lambda value: len(value[0])) if case else ("", "")
    in_key = conversion is Conversion.DECIMAL or conversion in KEY_CONVERSIONS
    cells = (
        _spelled(name),
        PINOT_TYPE[conversion],
        "as text" if conversion is Conversion.DECIMAL else "yes" if in_key and _comparable(name) else "no",
        f"`{_cell(literal)}`" if literal else "",
        f"`{_cell(json.dumps(form, ensure_ascii=False))}`" if case else "",
        FORESEEN.get(conversion, ""),
    )
    return "| " + " | ".join(cells) + " |\n"


def _comparable(name: str) -> bool:
    from headrace.hops.source.types import PgType, Refused, conversion_of

    return not isinstance(conversion_of(PgType(name, "b", "", name), in_key=True), Refused)


def _spelled(name: str) -> str:
    if name.startswith("_"):
        return f"{_spelled(name[1:])}[]"
    return _SPELLED.get(name, name)


def _cell(text: str) -> str:
    escaped = text.replace("|", "\\|").replace("`", "'")
    return escaped.encode("unicode_escape").decode() if "\n" in text or "\x01" in text else escaped
