"""From JSON values to columns: which type holds them, and their text for it.

Promise: what a column gets says the same as what the API said; what cannot is refused with the reason, never
rounded, cut or turned into NULL. Types are chosen from the rows seen first, so that a type is only chosen
where values leave little doubt: digits in quotes stay text (a postcode may get a letter), money in quotes
with a point is a number, times and dates in ISO order are times and dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

from headrace.feed.columns import TargetColumn
from headrace.feed.infer import SqlType, TypeGuess
from headrace.feed.pull.json_text import Json, JsonNumber, write

JSONB = "jsonb"
_SCALE = re.compile(r"numeric\(\d+,(\d+)\)")
_ZONE = re.compile(r"[ T]\d\d.*(Z|[+-]\d\d(:?\d\d)?)$")
_WHOLE = re.compile(r"-?\d+")


class Unfit(Exception):
    """A value that cannot be written; the text says why, without the value."""


class FieldGuess:
    """What one field can be, after all values seen so far."""

    def __init__(self) -> None:
        self._kinds: set[str] = set()
        self._texts = TypeGuess()
        self._whole = True
        self._pointed = True

    def observe(self, value: Json) -> None:
        """Take a value into account; null says nothing."""
        if value is None:
            return
        if isinstance(value, dict | list):
            self._kinds.add("nested")
        elif isinstance(value, bool):
            self._kinds.add("boolean")
        elif isinstance(value, JsonNumber):
            self._kinds.add("number")
            whole = _WHOLE.fullmatch(value) is not None and -(2**63) <= int(value[:20]) < 2**63
            self._whole = self._whole and whole and len(value) < 20
        else:
            text = cast(str, value)
            self._kinds.add("text" if text else "empty")
            self._pointed = self._pointed and "." in text
            self._texts.observe([text])

    @property
    def chosen(self) -> str:
        """The type; text where kinds are mixed or nothing was seen, jsonb where any value is nested."""
        if "nested" in self._kinds:
            return JSONB
        if self._kinds == {"boolean"}:
            return SqlType.BOOLEAN
        if self._kinds == {"number"}:
            return SqlType.BIGINT if self._whole else SqlType.NUMERIC
        if self._kinds == {"text"}:
            chosen = self._texts.chosen
            trusted = chosen in (SqlType.DATE, SqlType.TIMESTAMP, SqlType.TIMESTAMPTZ)
            return chosen if trusted or (chosen == SqlType.NUMERIC and self._pointed) else SqlType.TEXT
        return SqlType.TEXT


def guess_types(rows: Iterable[Mapping[str, Json]]) -> dict[str, str]:
    """The types of all fields of these rows, in the order fields were met."""
    guesses: dict[str, FieldGuess] = {}
    for row in rows:
        for name, value in row.items():
            guesses.setdefault(name, FieldGuess()).observe(value)
    return {name: guess.chosen for name, guess in guesses.items()}


def field_text(value: Json, column: TargetColumn) -> str | None:
    """The text PostgreSQL reads as the value; Unfit where it would read something else."""
    if value is None:
        return None
    if column.pg_type in ("json", JSONB):
        text = write(value)
        if "\\u0000" in text:
            raise Unfit(f"{column.name}: a NUL character, which PostgreSQL cannot store")
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, dict | list):
        text = write(cast(Json, value))
    else:
        text = str(cast(str, value))
        _check_kind(text, column)
    _check_text(text, column)
    return text


def _check_text(text: str, column: TargetColumn) -> None:
    if "\0" in text:
        raise Unfit(f"{column.name}: a NUL character, which PostgreSQL cannot store")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit(f"{column.name}: half of a surrogate pair, which is no character") from None
    if not text and not column.takes_empty:
        raise Unfit(f"{column.name}: empty text where a {column.pg_type} is expected")


def _check_kind(text: str, column: TargetColumn) -> None:
    """What PostgreSQL would accept by leaving something of it out."""
    scale = _SCALE.fullmatch(column.pg_type)
    if scale:
        try:
            exponent = Decimal(text).normalize().as_tuple().exponent
        except ArithmeticError:
            return  # PostgreSQL says why it is no number
        if isinstance(exponent, int) and -exponent > int(scale[1]):
            raise Unfit(f"{column.name}: more digits behind the point than {column.pg_type} keeps")
    elif column.pg_type in ("date", "timestamp", "timestamp without time zone") and _ZONE.search(text):
        raise Unfit(f"{column.name}: a time with its zone where a {column.pg_type} is expected")
    elif column.pg_type == "date" and len(text) > 10:
        raise Unfit(f"{column.name}: a time where a date is expected")
