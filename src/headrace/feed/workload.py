"""The shop open for business in PostgreSQL: its transactions, carried out at a rate.

Promise: `run` keeps to the clock, not to the server (open loop): a slow commit does not slow down what is
scheduled after it, it makes it late, and the lateness is recorded. Several shops may be open on the same
tables: each numbers its new rows in a range of its own and works on the orders of that range.
"""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import LiteralString, cast

import psycopg
from psycopg import sql

from headrace.errors import HeadraceError
from headrace.feed.shop.life import (
    REMEMBERED_ORDERS,
    Change,
    Line,
    Moment,
    Order,
    Shop,
    Stand,
    Transaction,
    customer_row,
    product_row,
)
from headrace.feed.shop.rhythm import Rhythm
from headrace.feed.shop.tables import SHOP_TABLES, UPDATED_AT
from headrace.feed.target import Connection

TABLES = tuple(table.name for table in SHOP_TABLES)

_PLACES = 64
_PLACE_NUMBERS = 10**12
_LOCK_CLASS = 0x5368_6F70
"""Advisory locks of this class say which ranges of numbers are taken."""


@dataclass(frozen=True)
class Commit:
    """A committed transaction; times are of `time.time()`, `committed_at` is when the server said so."""

    kind: str
    changes: int
    scheduled_at: float
    committed_at: float

    @property
    def late_ms(self) -> float:
        return (self.committed_at - self.scheduled_at) * 1000


@dataclass
class WorkloadReport:
    """Totals of a run; `late_ms` is of the last commit, against its schedule; `undone` was rolled back."""

    transactions: int = 0
    changes: int = 0
    undone: int = 0
    elapsed_s: float = 0.0
    late_ms: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict[str, int])


def create_shop(connection: Connection, *, seed: int = 1, customers: int = 500, products: int = 200) -> None:
    """Make the tables and fill customers and products where they are empty; idempotent."""
    source = random.Random(seed)  # noqa: S311
    now = datetime.now(UTC)
    with connection.transaction():
        # Of two that begin at once, one makes the tables.
        connection.execute("SELECT pg_advisory_xact_lock(%s, -1)", (_LOCK_CLASS,))
        for table in SHOP_TABLES:
            connection.execute(table.create_statement())
        if _number(connection, "SELECT count(*) FROM customers") == 0:
            _fill(connection, [customer_row(number, source) for number in range(1, customers + 1)], now)
        if _number(connection, "SELECT count(*) FROM products") == 0:
            _fill(connection, [product_row(number, source) for number in range(1, products + 1)], now)


def open_shop(connection: Connection, *, seed: int = 1) -> Shop:
    """A shop that goes on from the rows that are there, in the first free range of numbers.

    The range is taken for as long as the connection is open.
    """
    low = _take_place(connection) * _PLACE_NUMBERS
    high = low + _PLACE_NUMBERS - 1
    prices = connection.execute("SELECT id, price FROM products ORDER BY id").fetchall()
    customers = connection.execute("SELECT id FROM customers ORDER BY id").fetchall()
    if not prices or not customers:
        raise HeadraceError(
            "shop-empty",
            f"the shop has no {'products' if not prices else 'customers'}",
            hint="fill the table, or drop it and let `headrace feed run` make it",
        )

    def following(table: str) -> int:
        found = connection.execute(
            sql.SQL("SELECT coalesce(max(id), %s) + 1 FROM {} WHERE id BETWEEN %s AND %s").format(
                sql.Identifier(table)
            ),
            (low, low, high),
        ).fetchone()
        return int(found[0]) if found else low + 1

    stand = Stand(
        customers=[row[0] for row in customers],
        prices=dict(prices),
        orders=_orders(connection, low, high),
        next_customer=following("customers"),
        next_order=following("orders"),
        next_payment=following("payments"),
        next_return=following("returns"),
    )
    return Shop(seed, stand)


def run(
    connection: Connection,
    shop: Shop,
    *,
    changes_per_s: float,
    stop: threading.Event,
    on_commit: Callable[[Commit], None] | None = None,
    clock: Callable[[], float] = time.time,
    rhythm: Rhythm | None = None,
    report: WorkloadReport | None = None,
) -> WorkloadReport:
    """Commit transactions at a mean of `changes_per_s` until `stop` is set.

    A transaction of k changes is followed by the time k changes take in the schedule, however long it took
    itself. The connection must be in autocommit; statements of one transaction travel together. `report` is
    filled as it goes, for who is interrupted.
    """
    report = report or WorkloadReport()
    schedule = rhythm or Rhythm(changes_per_s)
    stamped = _stamped(connection)
    began = due = clock()
    for transaction in shop.transactions():
        wait = due - clock()
        if wait > 0 and stop.wait(wait):
            break
        if stop.is_set():
            break
        with connection.pipeline(), connection.transaction():
            for change in transaction.statements:
                connection.execute(*_statement(change, stamped))
            if not transaction.commits:
                raise psycopg.Rollback
        report.kinds[transaction.kind] = report.kinds.get(transaction.kind, 0) + 1
        if not transaction.commits:
            report.undone += len(transaction.statements)
            continue
        committed = Commit(transaction.kind, transaction.changes, due, clock())
        report.transactions += 1
        report.changes += transaction.changes
        due = began + schedule.due_s(report.changes)
        report.late_ms = committed.late_ms
        report.elapsed_s = committed.committed_at - began
        if on_commit is not None:
            on_commit(committed)
    return report


def _statement(change: Change, stamped: Collection[str]) -> tuple[sql.SQL, list[object]]:
    """The SQL of one change; `updated_at` moves with every insert and update of a table that has it."""
    values = dict(change.values)
    if change.operation != "delete" and change.table in stamped:
        values[UPDATED_AT] = Moment.NOW
    pairs = [*values.items(), *change.key.items()]
    shape = tuple((name, isinstance(value, Moment)) for name, value in pairs)
    parameters: list[object] = [value for _, value in pairs if not isinstance(value, Moment)]
    return _text(change.operation, change.table, shape, len(values)), parameters


@functools.lru_cache(maxsize=256)
def _text(operation: str, table: str, shape: tuple[tuple[str, bool], ...], values: int) -> sql.SQL:
    """The statement for columns of these names, some of them set to now(); those of the key stand last."""
    names = [sql.Identifier(name) for name, _ in shape]
    places = [sql.SQL("now()" if now else "%s") for _, now in shape]
    pairs = [sql.SQL("{} = {}").format(*pair) for pair in zip(names, places, strict=True)]
    where = sql.SQL(" AND ").join(pairs[values:])
    if operation == "delete":
        statement = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(table), where)
    elif operation == "update":
        sets = sql.SQL(", ").join(pairs[:values])
        statement = sql.SQL("UPDATE {} SET {} WHERE {}").format(sql.Identifier(table), sets, where)
    else:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table), sql.SQL(", ").join(names), sql.SQL(", ").join(places)
        )
    return sql.SQL(cast(LiteralString, statement.as_string()))


def _stamped(connection: Connection) -> set[str]:
    """Tables that say when a row was changed; a table made from a CSV file may not."""
    found = connection.execute(
        "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = %s AND NOT attisdropped"
        " AND attrelid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)",
        (UPDATED_AT, list(TABLES)),
    ).fetchall()
    return {row[0] for row in found}


def _fill(connection: Connection, rows: list[Change], now: datetime) -> None:
    names = [*rows[0].key, *rows[0].values, UPDATED_AT]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(rows[0].table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = (*row.key.values(), *row.values.values(), now)
            copy.write_row([now if isinstance(value, Moment) else value for value in values])


def _orders(connection: Connection, low: int, high: int) -> list[Order]:
    """The newest orders of the range, with their lines, oldest first."""
    rows = connection.execute(
        "SELECT o.id, o.status, l.line_no, l.product_id, l.quantity, l.price, EXISTS (SELECT FROM returns r"
        " WHERE r.order_id = o.id AND r.line_no = l.line_no)"
        " FROM (SELECT id, status FROM orders WHERE id BETWEEN %s AND %s ORDER BY id DESC LIMIT %s) o"
        " JOIN order_lines l ON l.order_id = o.id ORDER BY o.id, l.line_no",
        (low, high, REMEMBERED_ORDERS),
    ).fetchall()
    orders: dict[int, Order] = {}
    for number, status, place, product, quantity, price, returned in rows:
        order = orders.setdefault(number, Order(number, status, {}))
        order.lines[place] = Line(product, quantity, price, returned)
    return list(orders.values())


def _take_place(connection: Connection) -> int:
    """The first range nobody else writes into; the session's lock marks it as taken."""
    for place in range(_PLACES):
        found = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK_CLASS, place)).fetchone()
        if found and found[0]:
            return place
    raise HeadraceError(
        "shop-crowded", f"{_PLACES} shops are open on this database already", hint="end one of them first"
    )


def _number(connection: Connection, query: LiteralString) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0


__all__ = ["TABLES", "Commit", "Shop", "Transaction", "WorkloadReport", "create_shop", "open_shop", "run"]
