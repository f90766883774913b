"""The key of a row, as people give it and as it stands in the records of a topic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import cast

from headrace.contract import Column, Conversion, TableContract
from headrace.hops.source.row import wrong_key

_EPOCH = date(1970, 1, 1)


def plain_key(contract: TableContract, key: Sequence[str]) -> tuple[str, ...]:
    """A key for who cannot ask PostgreSQL: numbers and dates in their usual spelling, texts as they are.

    Raises:
        HeadraceError: `trace-key`.
    """
    columns = [contract.column(name) for name in contract.key]
    try:
        return tuple(_plain(column, value) for column, value in zip(columns, key, strict=True))
    except (ValueError, ArithmeticError) as error:
        raise wrong_key(contract) from error


def _plain(column: Column, value: str) -> str:
    if column.conversion in {Conversion.INT, Conversion.LONG}:
        return str(int(value))
    if column.conversion is Conversion.DATE:
        return date.fromisoformat(value).isoformat()
    if column.conversion is Conversion.DECIMAL_TEXT:
        return format(Decimal(value), "f")
    if column.conversion is Conversion.BOOLEAN:
        return "true" if value.lower() in {"t", "true", "1", "yes", "on"} else "false"
    return value


def is_key(contract: TableContract, key: Sequence[str], found: Mapping[str, object]) -> bool:
    """Whether a record's key, as JSON, is this one of a table.

    Args:
        key: as PostgreSQL spells it.
    """
    columns = [contract.column(name) for name in contract.key]
    return all(
        _same(column, found.get(column.name), value) for column, value in zip(columns, key, strict=True)
    )


def is_result_key(key: Sequence[str], found: Mapping[str, object]) -> bool:
    """Whether a record's key is this one of a view: the whole text of it, or the values it is made of."""
    text = str(found.get("__key", ""))
    if tuple(key) == (text,):
        return True
    try:
        values = json.loads(text[1:])  # behind the letter that says whose key it is
    except ValueError:
        return False
    return isinstance(values, list) and _texts(cast("list[object]", values)) == list(key)


def is_plain_key(key: Sequence[str], found: bytes | None) -> bool:
    """Whether the key of somebody else's record is this text, or a JSON document of these values."""
    if found is None:
        return False
    text = found.decode(errors="replace")
    if tuple(key) == (text,):
        return True
    try:
        document = json.loads(text)
    except ValueError:
        return False
    if isinstance(document, dict):
        document = list(cast("dict[str, object]", document).values())
    values = cast("list[object]", document) if isinstance(document, list) else [document]
    return _texts(values) == list(key)


def _texts(values: Sequence[object]) -> list[str]:
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]


def _same(column: Column, found: object, value: str) -> bool:
    """Whether a value of a record's key, in its form in the envelope, is this one."""
    if column.conversion is Conversion.BOOLEAN:
        return found is (value in {"true", "1"})
    if column.conversion in {Conversion.INT, Conversion.LONG}:
        return found == int(value)
    if column.conversion is Conversion.DATE:
        return found == (date.fromisoformat(value) - _EPOCH).days
    if column.conversion is Conversion.DECIMAL_TEXT:
        return isinstance(found, str) and found != "NaN" and Decimal(found) == Decimal(value)
    return found == value
