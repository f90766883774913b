"""PostgreSQL type names as `format_type` prints them; pure."""

from __future__ import annotations

import re

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
