"""What passes by itself is tried again, also where a single try takes longer than the time for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from headrace.contract import Column, Conversion, TableContract
from headrace.errors import HeadraceError
from headrace.hops.serve import directory, query
from headrace.hops.serve.directory import Generation
from headrace.hops.serve.query import QueryClient
from headrace.hops.serve.render import Status
from headrace.names import CaptureNames, TableName

CONTRACT = TableContract(
    TableName("public", "orders"), "orders", ("id",), (Column("id", "bigint", Conversion.LONG, False),)
)
GENERATION = Generation("shop_orders_3", "orders", CaptureNames("shop", 3), Status.LIVE, CONTRACT)
WHOLE: dict[str, object] = {
    "resultTable": {"dataSchema": {"columnNames": ["count(*)"], "columnDataTypes": ["LONG"]}, "rows": [[7]]},
    "exceptions": [],
    "numServersQueried": 1,
    "numServersResponded": 1,
}
PARTIAL = {**WHOLE, "numServersResponded": 0}
RETRY_S = 0.05
SLOW_S = 3 * RETRY_S


@dataclass
class SlowPinot:
    """Answers slowly, at first only in part."""

    partial: int
    asked: list[str] = field(default_factory=list[str])

    def query(self, sql: str, options: object, *, timeout_s: float) -> dict[str, object]:
        time.sleep(SLOW_S)
        self.asked.append(sql)
        return PARTIAL if len(self.asked) <= self.partial else WHOLE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "RETRY_S", RETRY_S)
    monkeypatch.setattr(query, "RETRY_PAUSE_S", 0.0)
    monkeypatch.setattr(directory, "resolve", lambda *_: GENERATION)


def test_one_slow_failure_is_tried_again() -> None:
    pinot = SlowPinot(partial=1)
    found = QueryClient(pinot, "shop").run("SELECT COUNT(*) FROM orders")  # type: ignore[arg-type]
    assert found.rows == [(7,)]
    assert len(pinot.asked) == 2


def test_what_does_not_pass_is_an_error() -> None:
    pinot = SlowPinot(partial=99)
    with pytest.raises(HeadraceError) as caught:
        QueryClient(pinot, "shop").run("SELECT COUNT(*) FROM orders")  # type: ignore[arg-type]
    assert caught.value.code == "query-partial"
    assert len(pinot.asked) == 2, "tried again after the first failure, and then no more"
