"""A key that Pinot answers twice is a difference, in a view too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from headrace.contract import Column, Conversion, Kind, TableContract
from headrace.names import TableName
from headrace.verify.normalise import RowText
from headrace.verify.served import ServedRows
from headrace.verify.views import _History

CONTRACT = TableContract(
    TableName("public", "v"),
    "v",
    ("k",),
    (Column("k", "text", Conversion.TEXT, False), Column("n", "integer", Conversion.INT)),
)


@dataclass
class Physical:
    physical: str = "v_1"


def doubled(
    monkeypatch: pytest.MonkeyPatch, live: list[list[object]], changed: list[list[object]]
) -> tuple[str, ...]:
    def ask(_: ServedRows, sql: str, extra: object = None) -> list[list[object]]:
        if "MIN(" in sql:
            return [[0, len(live), len(live)]]
        if "SELECT __key, __kind" in sql:
            return changed
        return live if extra is None else []

    monkeypatch.setattr(ServedRows, "ask", ask)
    history = _History(cast(Any, None), cast(Any, Physical()), RowText.of(CONTRACT), {0: 9})
    return history.at(5).doubled


def test_a_key_that_comes_twice_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doubled(monkeypatch, [["a", 1, 8], ["b", 1, 8], ["a", 1, 8]], []) == ("a",)


@pytest.mark.parametrize("change", [["a", int(Kind.ROW)], ["", int(Kind.TRUNCATE)]])
def test_a_row_that_was_replaced_meanwhile_may_come_twice(
    monkeypatch: pytest.MonkeyPatch, change: list[object]
) -> None:
    assert doubled(monkeypatch, [["a", 1, 8], ["a", 2, 60]], [change]) == ()
