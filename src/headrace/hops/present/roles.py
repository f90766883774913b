"""What the columns of a table are good for on a dashboard; pure, from names and types alone.

No row is looked at: the choice stays the same while rows come and go, so nothing moves under the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headrace.contract import Column, Conversion, TableContract

MAX_SUMS = 2

_TIMES = frozenset({Conversion.TIMESTAMP_MICROS, Conversion.TIMESTAMP_TZ})
_WHOLE = frozenset({Conversion.INT, Conversion.LONG})

_MONEY = ("total", "amount", "revenue", "gross", "net", "paid", "value", "sum", "turnover", "sales", "cost")
_AMOUNTS = ("quantity", "qty", "count", "lines", "units", "stock", "orders", "items", "number_of")
_NOT_ADDED = (
    "price",
    "rate",
    "percent",
    "tax_rate",
    "ratio",
    "lat",
    "lon",
    "version",
    "year",
    "month",
    "day",
    "mean",
    "avg",
    "average",
)
_GROUPS = (
    *("status", "state", "kind", "type", "category", "channel", "country", "method", "segment", "region"),
    *("currency", "reason", "brand", "department", "city", "gender", "language", "source", "priority"),
)
_NOT_GROUPED = (
    *("id", "no", "code", "sku", "name", "email", "mail", "phone", "address", "street", "url", "uri", "uuid"),
    *("key", "hash", "token", "note", "notes", "comment", "description", "text", "title", "number"),
)
_TEXT_TYPES = re.compile(r"^(text|character varying.*|character\(.*|\"char\"|name|citext)$")
_LONG_TYPES = re.compile(r"^(json|jsonb|xml|uuid|tsvector|hstore|inet|cidr|macaddr.*|interval|point|.*\[\])$")


def sums(contract: TableContract) -> tuple[Column, ...]:
    """The columns worth a total, the most money-like first; at most MAX_SUMS."""
    decimals = [c for c in contract.columns if c.conversion is Conversion.DECIMAL]
    ranked = sorted(decimals, key=lambda column: _rank(column.name))
    ranked = [column for column in ranked if _rank(column.name) < _LAST] or ranked
    whole = [c for c in addable(contract) if c.conversion in _WHOLE and _has(c.name, _AMOUNTS)]
    return tuple((*ranked, *whole)[:MAX_SUMS])


def addable(contract: TableContract) -> tuple[Column, ...]:
    """The columns whose sum can be asked for: numbers that identify nothing."""
    return tuple(
        column
        for column in contract.columns
        if column.conversion in {Conversion.DECIMAL, Conversion.FLOAT, Conversion.DOUBLE, *_WHOLE}
        and column.name not in contract.key
        and not re.search(r"(^|_)(id|no|nr|code|key)$", column.name.lower())
    )


def time_column(contract: TableContract) -> Column | None:
    """The first instant, else the first date."""
    instants = [c for c in contract.columns if c.conversion in _TIMES]
    dates = [c for c in contract.columns if c.conversion is Conversion.DATE]
    return next(iter((*instants, *dates)), None)


def group_column(contract: TableContract) -> Column | None:
    """The column most likely to have few values: an enumeration, a telling name, a truth value."""
    texts = [
        column
        for column in contract.columns
        if column.conversion is Conversion.TEXT
        and not _LONG_TYPES.match(column.pg_type)
        and (column.name not in contract.key or len(contract.key) > 1 or len(contract.columns) < 4)
    ]
    enumerations = [c for c in texts if not _TEXT_TYPES.match(c.pg_type) and c.mask is None]
    telling = sorted(
        (c for c in texts if _has(c.name, _GROUPS)), key=lambda column: _place(column.name, _GROUPS)
    )
    truths = [c for c in contract.columns if c.conversion is Conversion.BOOLEAN]
    plain = [c for c in texts if not _has(c.name, _NOT_GROUPED) and c.name not in contract.key]
    return next(iter((*enumerations, *telling, *truths, *plain)), None)


_LAST = len(_MONEY) + 1


def _rank(name: str) -> int:
    if _has(name, _NOT_ADDED):
        return _LAST
    return _place(name, _MONEY)


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)]


def _has(name: str, wanted: Iterable[str]) -> bool:
    words = _words(name)
    return any(word in words or word == name.lower() for word in wanted)


def _place(name: str, wanted: tuple[str, ...]) -> int:
    words = _words(name)
    return next((place for place, word in enumerate(wanted) if word in words), len(wanted))
