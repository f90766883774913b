"""A shop with a past, made from a seed.

Promise: the same size and seed give the same rows, to the microsecond, on any day and machine. The past ends
at `HISTORY_ENDS` unless another moment is given; what happens afterwards is stamped with the real time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

from headrace.feed.shop.life import Change, Shop, Stand, customer_row, product_row
from headrace.feed.shop.rhythm import Rhythm
from headrace.feed.shop.store import Store

HISTORY_ENDS = datetime(2026, 1, 1, tzinfo=UTC)
HISTORY = timedelta(days=365)


@dataclass(frozen=True)
class Size:
    """How large the shop is when it opens; customers who joined during its past come on top."""

    customers: int = 2_000
    products: int = 300
    orders: int = 10_000


def make_history(size: Size, seed: int, ends: datetime = HISTORY_ENDS) -> tuple[Store, Shop]:
    """The rows of a shop, and the shop itself, to go on from there without ever deleting a row."""
    store, source = Store(), random.Random(seed)  # noqa: S311
    began = ends - HISTORY
    people = [customer_row(number, source) for number in range(1, size.customers + 1)]
    goods = [product_row(number, source) for number in range(1, size.products + 1)]
    for change in (*goods, *people):
        store.apply([change], began - timedelta(seconds=source.randrange(30 * 86_400)))
    stand = Stand(
        customers=[_id(change) for change in people],
        prices={_id(change): cast(Decimal, change.values["price"]) for change in goods},
        next_customer=size.customers + 1,
    )
    shop = Shop(seed, stand, deletes=False)
    rhythm = Rhythm(max(size.orders, 1) / HISTORY.total_seconds(), day_s=86_400)
    placed, now_s, next_s = 0, 0.0, 0.0
    life = shop.transactions()
    # Every transaction that is drawn is carried out: the shop goes on from what it believes to have done.
    while placed < size.orders:
        transaction = next(life)
        if transaction.kind == "order placed":
            placed += 1
            now_s, next_s = next_s, rhythm.due_s(placed)
        else:
            now_s += (next_s - now_s) * source.random() * 0.3
        if transaction.commits:
            store.apply(transaction.statements, began + timedelta(seconds=now_s))
    return store, shop


def _id(change: Change) -> int:
    return cast(int, change.key["id"])
