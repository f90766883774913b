"""The shop's rows in memory, as an API has them: by key, and in the order of (updated_at, key).

Promise: `page` never shows half a transaction. A change moves its row to the place of its new `updated_at`.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headrace.feed.shop.life import Change, Moment
from headrace.feed.shop.tables import SHOP_TABLES, UPDATED_AT, ShopTable

Key = tuple[int, ...]
Row = dict[str, Any]
Position = tuple[datetime, Key]
"""Where a row stands in the list."""


@dataclass(frozen=True)
class StoredPage:
    """Some rows in list order, the position of the last, and whether more follow."""

    rows: list[Row]
    last: Position | None
    more: bool


class _Shelf:
    def __init__(self, table: ShopTable) -> None:
        self.table = table
        self.rows: dict[Key, Row] = {}
        self.order: list[Position] = []

    def apply(self, change: Change, at: datetime) -> None:
        key: Key = tuple(int(str(change.key[name])) for name in self.table.key)
        old = None if change.operation == "insert" else self.rows[key]
        if old is not None:
            del self.order[bisect_left(self.order, (old[UPDATED_AT], key))]
        if change.operation == "delete":
            self.rows.pop(key, None)
            return
        values = {name: at if isinstance(value, Moment) else value for name, value in change.values.items()}
        # A new mapping each time: a page that was handed out stays as it was.
        self.rows[key] = {**(old or change.key), **values, UPDATED_AT: at}
        insort(self.order, (at, key))


class Store:
    """All tables of the shop; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shelves = {table.name: _Shelf(table) for table in SHOP_TABLES}

    def apply(self, changes: Iterable[Change], at: datetime) -> None:
        """Carry out the changes of one transaction, stamped with `at`."""
        with self._lock:
            for change in changes:
                self._shelves[change.table].apply(change, at)

    def page(self, table: str, *, after: Position | None, since: datetime | None, limit: int) -> StoredPage:
        """The rows behind position `after`, or from `since` on, or from the beginning."""
        shelf = self._shelves[table]
        with self._lock:
            if after is not None:
                begin = bisect_right(shelf.order, after)
            else:
                begin = bisect_left(shelf.order, (since, ())) if since is not None else 0
            chosen = shelf.order[begin : begin + limit]
            rows = [shelf.rows[key] for _, key in chosen]
            return StoredPage(rows, chosen[-1] if chosen else None, begin + len(chosen) < len(shelf.order))

    def row(self, table: str, key: Key) -> Row | None:
        """One row."""
        with self._lock:
            return self._shelves[table].rows.get(key)

    def rows(self, table: str) -> Mapping[Key, Row]:
        """All rows of a moment, by key."""
        with self._lock:
            return dict(self._shelves[table].rows)

    def counts(self) -> dict[str, int]:
        """Rows of every table."""
        with self._lock:
            return {name: len(shelf.rows) for name, shelf in self._shelves.items()}
