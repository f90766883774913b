"""Chooses column types that hold for every value of a file, not for a sample.

Promise: a value that was observed parses as the chosen type in PostgreSQL and says the same thing there.
Whatever could be a code rather than a number stays text: leading zeros, a leading plus, exponents, thousands
separators, surrounding blanks. Dates are taken in ISO order only, since 03/04/2026 has two meanings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from enum import StrEnum


class SqlType(StrEnum):
    """The types a column can be given, as PostgreSQL calls them."""

    BIGINT = "bigint"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    TEXT = "text"


_INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
_DECIMAL = re.compile(r"-?(?:[1-9][0-9]{0,999}|0)(?:\.[0-9]{1,999})?|-?\.[0-9]{1,999}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)"
    r"(?P<zone>Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?"
)
_LONG_MAX = 2**63 - 1


def _is_integer(value: str) -> bool:
    return _INTEGER.fullmatch(value) is not None and -_LONG_MAX - 1 <= int(value) <= _LONG_MAX


def _is_decimal(value: str) -> bool:
    return _DECIMAL.fullmatch(value) is not None


def _is_boolean(value: str) -> bool:
    return value.lower() in ("true", "false")


def _is_date(value: str) -> bool:
    if _DATE.fullmatch(value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_local(text: str) -> bool:
    seconds, _, _ = text.partition(".")  # the fraction was checked by the expression
    try:
        datetime.fromisoformat(seconds)
    except ValueError:
        return False
    return True


def _is_timestamp(value: str) -> bool:
    """A local time, or a date, which is then midnight."""
    match = _INSTANT.fullmatch(value)
    if match is None:
        return _is_date(value)
    return match["zone"] is None and _is_local(match["local"])


def _is_timestamptz(value: str) -> bool:
    match = _INSTANT.fullmatch(value)
    return match is not None and match["zone"] is not None and _is_local(match["local"])


_TESTS: tuple[tuple[SqlType, Callable[[str], bool]], ...] = (
    (SqlType.BOOLEAN, _is_boolean),
    (SqlType.BIGINT, _is_integer),
    (SqlType.NUMERIC, _is_decimal),
    (SqlType.DATE, _is_date),
    (SqlType.TIMESTAMP, _is_timestamp),
    (SqlType.TIMESTAMPTZ, _is_timestamptz),
)
"""In order of preference: the first type that every value fits is chosen."""


class TypeGuess:
    """What one column can still be, after all values seen so far."""

    def __init__(self) -> None:
        self._open = list(_TESTS)
        self._seen = False

    def observe(self, values: Collection[str]) -> None:
        """Take distinct values into account; the empty text counts as NULL in every type but text."""
        if not self._open:
            return
        present = [value for value in values if value]
        if present:
            self._seen = True
            self._open = [(kind, fits) for kind, fits in self._open if all(map(fits, present))]

    @property
    def chosen(self) -> SqlType:
        """The narrowest type that holds; text for a column without any value."""
        return self._open[0][0] if self._seen and self._open else SqlType.TEXT


class TableGuess:
    """The types of all columns of a file; feed it every row."""

    def __init__(self, width: int) -> None:
        self.columns = [TypeGuess() for _ in range(width)]

    def observe(self, rows: Iterable[list[str | None]]) -> None:
        """Take a batch of rows into account; each has as many fields as there are columns."""
        for guess, values in zip(self.columns, zip(*rows, strict=True), strict=False):
            guess.observe({value for value in values if value is not None})
