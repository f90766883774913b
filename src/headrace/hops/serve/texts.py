"""What of PostgreSQL's equality and order is left in the text that Pinot keeps of a value; pure.

Promise: where `kept` says so, two stored texts are equal exactly when PostgreSQL finds the values equal, or
stand in PostgreSQL's order; `canonical` writes a constant as the decoder (java/pinot) stores an equal value.
The order of texts themselves is that of their bytes: the collation of a column is not known here.
"""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Interface, NetmaskValueError
from uuid import UUID

from headrace.contract import Column, Conversion
from headrace.hops.serve import literals
from headrace.hops.serve.types import ADDRESSES, NO_EQUALITY, base_name

_TEXTS = frozenset({"text", "character varying"})
_PADDED = re.compile(r"character\((\d+)\)")
_IPV4 = re.compile(r"\d+(\.\d+){3}(/\d+)?")
_MAC = {"macaddr": 6, "macaddr8": 8}


class Kept(StrEnum):
    """What a stored text has of the value."""

    TEXT = "text"  # all: the value is this text
    ORDER = "order"  # equality and order
    EQUALITY = "equality"
    NOTHING = "nothing"


def kept(column: Column | None) -> Kept:
    """What the stored text of a column has; an expression without a column is a text."""
    if column is None or column.mask is not None:
        return Kept.TEXT
    base = base_name(column.pg_type)
    if column.conversion is Conversion.TIME_MICROS or base == "uuid":
        return Kept.ORDER
    if column.conversion is Conversion.DECIMAL_TEXT or is_padded(column) or base in ADDRESSES:
        return Kept.EQUALITY
    if column.conversion is Conversion.JSON_TEXT or base in NO_EQUALITY:
        return Kept.NOTHING
    # What is left is an enumeration: its text says nothing of its place.
    return Kept.TEXT if base in _TEXTS else Kept.EQUALITY


def is_padded(column: Column) -> bool:
    """Whether it is a `char(n)`, stored with blanks up to its length."""
    return _PADDED.fullmatch(column.pg_type) is not None and column.mask is None


def canonical(column: Column, value: str, cast: str) -> str | None:
    """A constant as an equal value is stored; None where that is not known.

    Args:
        column: what it is compared with.
        value: its text.
        cast: the type it was written with; empty for a bare constant, which takes the column's.
    """
    if kept(column) is Kept.TEXT:
        return value
    base = base_name(column.pg_type)
    if column.conversion is Conversion.DECIMAL_TEXT:
        return literals.plain_decimal(literals.number(value))
    if is_padded(column):
        length = int(column.pg_type[len("character(") : -1])
        # Compared as a text, the constant keeps its blanks and the column loses them.
        return None if cast and value.endswith(" ") else value.rstrip(" ").ljust(length)
    if column.conversion is Conversion.TIME_MICROS:
        return literals.time_of_day(value) if cast in {"", "time"} else None
    if base == "uuid":
        return _uuid(value) if cast in {"", "uuid"} else None
    if cast:
        return None
    return _address(base, value) if base in ADDRESSES else value


def is_comparable(column: Column, value: str) -> bool:
    """Whether the column can be asked for equality with a bare constant."""
    return kept(column) is not Kept.NOTHING and canonical(column, value, "") is not None


def _uuid(value: str) -> str | None:
    try:
        return str(UUID(value.strip()))
    except ValueError:
        return None


def _address(base: str, value: str) -> str | None:
    """IPv4 and hardware addresses in full; PostgreSQL's other spellings are not read here."""
    if base in _MAC:
        parts = value.split(":")
        whole = len(parts) == _MAC[base] and all(re.fullmatch("[0-9a-fA-F]{2}", part) for part in parts)
        return value.lower() if whole else None
    if _IPV4.fullmatch(value) is None:
        return None
    try:
        found = IPv4Interface(value)
    except (AddressValueError, NetmaskValueError):
        return None
    if base == "cidr":
        return str(found.network) if found.network.network_address == found.ip else None
    return str(found.ip) if found.network.prefixlen == found.max_prefixlen else str(found)
