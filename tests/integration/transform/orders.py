"""A table's history as Debezium writes it, and what two views of it must be, worked out in Python."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from decimal import Decimal

Row = dict[str, object]

GROUPS: dict[str, object] = {
    "kind": "groups",
    "image": "`id` BIGINT, `qty` BIGINT, `price` STRING, `country` STRING",
    "values": [{"name": "price", "expr": "try_cast(price AS DECIMAL(10,2))"}],
    "reject": "CASE WHEN price IS NOT NULL AND try_cast(price AS DECIMAL(10,2)) IS NULL "
    "THEN 'price: not a finite number' END",
    "row_key": "to_json(array(CAST(id AS STRING)))",
    "where": "qty > 0",
    "group": [{"name": "country", "expr": "country"}],
    "sums": [
        {"name": "s0", "expr": "CAST(qty AS DECIMAL(38,0))"},
        {"name": "s1", "expr": "coalesce(CAST(price AS DECIMAL(38,2)), 0BD)"},
        {"name": "c1", "expr": "CASE WHEN price IS NULL THEN 0L ELSE 1L END"},
    ],
    "columns": [
        {"name": "country", "expr": "country"},
        {"name": "orders", "expr": "rows"},
        {"name": "units", "expr": "CAST(s0 AS STRING)"},
        {"name": "revenue", "expr": "CASE WHEN c1 > 0 THEN CAST(s1 AS STRING) END"},
        {"name": "mean", "expr": "headrace_avg(s1, c1)"},
    ],
}

ROWS: dict[str, object] = {
    **{name: GROUPS[name] for name in ("image", "values", "reject", "row_key", "where")},
    "kind": "rows",
    "columns": [{"name": "id", "expr": "id"}, {"name": "price", "expr": "CAST(price AS STRING)"}],
}


@dataclass
class Orders:
    """The rows as they stand, and the envelopes that led there."""

    rng: random.Random
    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    _next_id: int = 1
    _lsn: int = 1000

    def envelopes(self, count: int) -> list[bytes]:
        """So many changes."""
        return [self._change() for _ in range(count)]

    def truncate(self) -> bytes:
        self.rows.clear()
        return self._envelope("t", None, None)

    def _change(self) -> bytes:
        dice = self.rng.random()
        if dice < 0.5 or not self.rows:
            row = self._row(self._next_id)
            self._next_id += 1
            self.rows[row["id"]] = row  # type: ignore[index]
            return self._envelope("c", None, row)
        number = self.rng.choice(sorted(self.rows))
        before = self.rows[number]
        if dice < 0.65:
            del self.rows[number]
            return self._envelope("d", before, None)
        after = self._row(number)
        if dice < 0.8:
            after["country"] = before["country"]
        self.rows[number] = after
        return self._envelope("u", before, after)

    def _row(self, number: int) -> Row:
        price = self.rng.choice(
            [None, "NaN", *(f"{self.rng.randint(-99999, 99999) / 100:.2f}" for _ in range(8))]
        )
        qty = self.rng.choice([None, 0, -1, 1, 2, 3, 2147483647])
        country = self.rng.choice([None, "null", "de", "fr", 'q"uo\\te', "ä"])
        return {"id": number, "qty": qty, "price": price, "country": country}

    def _envelope(self, op: str, before: Row | None, after: Row | None) -> bytes:
        self._lsn += 8
        source = {"ts_ms": 1_700_000_000_000 + self._lsn, "lsn": self._lsn, "txId": self._lsn // 16}
        return json.dumps({"before": before, "after": after, "source": source, "op": op}).encode()

    def groups(self) -> dict[str, Row]:
        """The groups view's results by key, `mean` as a Decimal."""
        found = self._rejects()
        members: dict[object, list[Row]] = {}
        for row in self._passing():
            members.setdefault(row["country"], []).append(row)
        for country, rows in members.items():
            prices = [Decimal(str(row["price"])) for row in rows if row["price"] is not None]
            key = "g" + json.dumps([country], separators=(",", ":"), ensure_ascii=False)
            found[key] = {
                "country": country,
                "orders": len(rows),
                "units": str(sum(int(str(row["qty"])) for row in rows)),
                "revenue": f"{sum(prices):.2f}" if prices else None,
                "mean": sum(prices) / len(prices) if prices else None,
            }
        return found

    def passing_rows(self) -> dict[str, Row]:
        """The rows view's results by key."""
        results: dict[str, Row] = {
            f'r["{row["id"]}"]': {"id": row["id"], "price": row["price"]} for row in self._passing()
        }
        return results | self._rejects()

    def _passing(self) -> list[Row]:
        return [
            row
            for row in self.rows.values()
            if row["price"] != "NaN" and row["qty"] is not None and int(str(row["qty"])) > 0
        ]

    def _rejects(self) -> dict[str, Row]:
        return {
            f'x["{row["id"]}"]': {"__headrace_reject": "price: not a finite number"}
            for row in self.rows.values()
            if row["price"] == "NaN"
        }
