"""PostgreSQL type names as `format_type` prints them; pure."""

from __future__ import annotations

import re

from headrace.contract import LONG_TEXT, Column, Conversion

ADDRESSES = frozenset({"inet", "cidr", "macaddr", "macaddr8"})
NO_EQUALITY = frozenset(
    {"json", "jsonb", "xml", "tsvector", "citext", "ltree", "bpchar", "character", '"char"', "bit"}
    | {"int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"}
    | {"money", "interval", "bytea", "oid", "point"}
    | ADDRESSES
)
"""Types whose texts are not compared as PostgreSQL compares their values."""

_OF_EXTENSIONS = frozenset({"citext", "ltree"})


def base_name(pg_type: str) -> str:
    """`character` of `character(5)`; a type of an extension without the schema it was put into."""
    base = re.sub(r"\(.*?\)", "", pg_type)
    last = base.rpartition(".")[2]
    return last if last in _OF_EXTENSIONS else base


def fixed_scale(pg_type: str) -> int | None:
    """2 of `numeric(12,2)`; None where the type fixes none, or fixes a negative one."""
    if not pg_type.startswith("numeric(") or "," not in pg_type:
        return None
    scale = int(pg_type[len("numeric(") : -1].split(",")[1])
    return scale if scale >= 0 else None


def index_problem(column: Column) -> str | None:
    """Why Pinot 0.11.0 cannot have the index that a column asks for; None when it can, or asks for none.

    A range index needs numbers or a dictionary. A Bloom filter of bytes holds other bytes than are asked for:
    after a commit nothing is found. Texts that are not compared have no use for either.
    """
    if column.index not in {"range", "bloom"}:
        return None
    texts = (
        column.conversion in {Conversion.JSON_TEXT, Conversion.DECIMAL_TEXT} or column.pg_type in LONG_TEXT
    )
    loose = column.conversion is Conversion.DECIMAL and fixed_scale(column.pg_type) is None
    if texts or loose or column.conversion is Conversion.BYTES:
        return f"a column of type {column.pg_type} cannot have a {column.index} index"
    return None
