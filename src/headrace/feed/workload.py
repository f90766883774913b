"""A small shop that is open for business: a seeded stream of transactions on four tables.

Promise: the transactions are a pure function of the seed and the rows found at the start. `run` keeps to the
clock, not to the server (open loop): a slow commit does not slow down what is scheduled after it, it makes it
late, and the lateness is recorded.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import LiteralString

from headrace.feed.target import Connection

TABLES = ("customers", "products", "orders", "order_lines")

SCHEMA: tuple[LiteralString, ...] = (
    """CREATE TABLE IF NOT EXISTS customers (
    id bigint PRIMARY KEY, name text NOT NULL, email text NOT NULL, country text NOT NULL,
    created_at timestamptz NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS products (
    id bigint PRIMARY KEY, name text NOT NULL, category text NOT NULL, price numeric(10,2) NOT NULL,
    active boolean NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS orders (
    id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL, total numeric(12,2) NOT NULL,
    note text, placed_at timestamptz NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS order_lines (
    order_id bigint NOT NULL, line_no integer NOT NULL, product_id bigint NOT NULL, quantity integer NOT NULL,
    price numeric(10,2) NOT NULL, PRIMARY KEY (order_id, line_no))""",
)

_COUNTRIES = ("Denmark", "Portugal", "Kenya", "Japan", "Peru", "Canada", "Estonia", "India")
_CATEGORIES = ("lamps", "chairs", "tables", "shelves", "rugs", "vases")
_FIRST = ("Ada", "Bo", "Chidi", "Dana", "Emre", "Fatou", "Goro", "Hana", "Ines", "Jon", "Kai", "Lúcia")
_LAST = ("Almeida", "Berg", "Chen", "Diallo", "Eriksen", "Fujita", "Garcia", "Haddad", "Iyer", "Jensen")
_NOTES = (None, None, None, "gift wrap", "ring the bell", "leave at the door", "call first")
_NEXT_STATUS = {"placed": "paid", "paid": "packed", "packed": "shipped", "shipped": "delivered"}
_REMEMBERED_ORDERS = 20_000

_INSERT_ORDER: LiteralString = "INSERT INTO orders VALUES (%s, %s, 'placed', %s, %s, now())"
_INSERT_LINE: LiteralString = "INSERT INTO order_lines VALUES (%s, %s, %s, %s, %s)"
_INSERT_CUSTOMER: LiteralString = "INSERT INTO customers VALUES (%s, %s, %s, %s, now())"
_SET_STATUS: LiteralString = "UPDATE orders SET status = %s WHERE id = %s"
_SET_QUANTITY: LiteralString = "UPDATE order_lines SET quantity = %s WHERE order_id = %s AND line_no = %s"
_SET_TOTAL: LiteralString = """UPDATE orders o SET total =
    (SELECT sum(l.quantity * l.price) FROM order_lines l WHERE l.order_id = o.id) WHERE o.id = %s"""
_SET_PRICE: LiteralString = "UPDATE products SET price = %s WHERE id = %s"
_SET_COUNTRY: LiteralString = "UPDATE customers SET country = %s WHERE id = %s"
_DELETE_LINES: LiteralString = "DELETE FROM order_lines WHERE order_id = %s"
_DELETE_ORDER: LiteralString = "DELETE FROM orders WHERE id = %s"

Statement = tuple[LiteralString, tuple[object, ...]]


@dataclass(frozen=True)
class Transaction:
    """Statements to run in one transaction, and how many row changes they make."""

    kind: str
    statements: tuple[Statement, ...]
    changes: int


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
class Order:
    id: int
    status: str
    lines: int


@dataclass
class WorkloadReport:
    """Totals of a run; `late_ms` is of the last commit, against its schedule."""

    transactions: int = 0
    changes: int = 0
    elapsed_s: float = 0.0
    late_ms: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict[str, int])


class Shop:
    """Decides what happens next; knows the rows it made and nothing of connections."""

    def __init__(
        self, seed: int, customers: int, products: int, next_order: int, orders: list[Order]
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._customers = customers
        self._products = products
        self._next_order = next_order
        self._orders: deque[Order] = deque(orders, maxlen=_REMEMBERED_ORDERS)
        self._stock = set(range(1, products + 1))

    def transactions(self) -> Iterator[Transaction]:
        """For ever: about half of the changes insert, the others update and now and then delete."""
        steps: tuple[tuple[Callable[[], Transaction | None], int], ...] = (
            (self._place_order, 30),
            (self._advance_order, 40),
            (self._change_quantity, 20),
            (self._cancel_order, 6),
            (self._change_price, 12),
            (self._move_customer, 5),
            (self._new_customer, 4),
        )
        choices = [step for step, _ in steps]
        weights = [weight for _, weight in steps]
        while True:
            made = self._random.choices(choices, weights)[0]()
            if made is not None:
                yield made

    def _place_order(self) -> Transaction:
        number, self._next_order = self._next_order, self._next_order + 1
        count, total = self._random.choice((1, 1, 2, 3)), Decimal(0)
        lines: list[Statement] = []
        for line in range(1, count + 1):
            product, quantity = self._random.randint(1, self._products), self._random.randint(1, 5)
            price = self._price()
            total += quantity * price
            lines.append((_INSERT_LINE, (number, line, product, quantity, price)))
        customer, note = self._random.randint(1, self._customers), self._random.choice(_NOTES)
        self._orders.append(Order(number, "placed", count))
        order: Statement = (_INSERT_ORDER, (number, customer, total, note))
        return Transaction("order placed", (order, *lines), 1 + count)

    def _advance_order(self) -> Transaction | None:
        order = self._some_order()
        if order is None or order.status not in _NEXT_STATUS:
            return None
        order.status = _NEXT_STATUS[order.status]
        return _one(f"order {order.status}", _SET_STATUS, (order.status, order.id))

    def _change_quantity(self) -> Transaction | None:
        order = self._some_order()
        if order is None:
            return None
        line, more = self._random.randint(1, order.lines), self._random.randint(1, 9)
        statements: tuple[Statement, ...] = (
            (_SET_QUANTITY, (more, order.id, line)),
            (_SET_TOTAL, (order.id,)),
        )
        return Transaction("order changed", statements, 2)

    def _cancel_order(self) -> Transaction | None:
        order = self._some_order()
        if order is None:
            return None
        self._orders.remove(order)
        statements: tuple[Statement, ...] = ((_DELETE_LINES, (order.id,)), (_DELETE_ORDER, (order.id,)))
        return Transaction("order cancelled", statements, 1 + order.lines)

    def _change_price(self) -> Transaction:
        product = self._random.randint(1, self._products)
        return _one("price changed", _SET_PRICE, (self._price(), product))

    def _move_customer(self) -> Transaction:
        country, customer = self._random.choice(_COUNTRIES), self._random.randint(1, self._customers)
        return _one("customer moved", _SET_COUNTRY, (country, customer))

    def _new_customer(self) -> Transaction:
        self._customers += 1
        return _one("customer joined", _INSERT_CUSTOMER, person(self._customers, self._random))

    def _price(self) -> Decimal:
        return Decimal(self._random.randint(199, 49_999)) / 100

    def _some_order(self) -> Order | None:
        return self._orders[self._random.randrange(len(self._orders))] if self._orders else None


def person(number: int, source: random.Random) -> tuple[object, ...]:
    """A customer's id, name, address and country."""
    first, last = source.choice(_FIRST), source.choice(_LAST)
    return number, f"{first} {last}", f"customer{number}@example.com", source.choice(_COUNTRIES)


def create_shop(connection: Connection, *, seed: int = 1, customers: int = 500, products: int = 200) -> None:
    """Make the four tables and fill customers and products where they are empty; idempotent."""
    source = random.Random(seed)  # noqa: S311
    now = datetime.now(UTC)
    with connection.transaction():
        for statement in SCHEMA:
            connection.execute(statement)
        if _number(connection, "SELECT count(*) FROM customers") == 0:
            with connection.cursor() as cursor, cursor.copy("COPY customers FROM STDIN") as copy:
                for number in range(1, customers + 1):
                    copy.write_row((*person(number, source), now))
        if _number(connection, "SELECT count(*) FROM products") == 0:
            with connection.cursor() as cursor, cursor.copy("COPY products FROM STDIN") as copy:
                for number in range(1, products + 1):
                    category = source.choice(_CATEGORIES)
                    price = Decimal(source.randint(199, 49_999)) / 100
                    copy.write_row((number, f"{category[:-1]} no. {number}", category, price, True))


def open_shop(connection: Connection, *, seed: int = 1) -> Shop:
    """A shop that goes on from the rows that are there."""
    orders = connection.execute(
        "SELECT o.id, o.status, (SELECT count(*) FROM order_lines l WHERE l.order_id = o.id)"
        " FROM orders o ORDER BY o.id DESC LIMIT %s",
        (_REMEMBERED_ORDERS,),
    ).fetchall()
    return Shop(
        seed,
        customers=_number(connection, "SELECT coalesce(max(id), 0) FROM customers"),
        products=_number(connection, "SELECT coalesce(max(id), 0) FROM products"),
        next_order=_number(connection, "SELECT coalesce(max(id), 0) + 1 FROM orders"),
        orders=[Order(*row) for row in reversed(orders) if row[2]],
    )


def run(
    connection: Connection,
    shop: Shop,
    *,
    changes_per_s: float,
    stop: threading.Event,
    on_commit: Callable[[Commit], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> WorkloadReport:
    """Commit transactions at a mean of `changes_per_s` until `stop` is set.

    A transaction of k changes is followed by k/changes_per_s seconds of schedule, however long it took. The
    connection must be in autocommit; statements of one transaction travel together.
    """
    report = WorkloadReport()
    began = due = clock()
    for transaction in shop.transactions():
        wait = due - clock()
        if wait > 0 and stop.wait(wait):
            break
        if stop.is_set():
            break
        with connection.pipeline(), connection.transaction():
            for statement, values in transaction.statements:
                connection.execute(statement, values)
        committed = Commit(transaction.kind, transaction.changes, due, clock())
        due += transaction.changes / changes_per_s
        report.transactions += 1
        report.changes += transaction.changes
        report.kinds[transaction.kind] = report.kinds.get(transaction.kind, 0) + 1
        report.late_ms = committed.late_ms
        report.elapsed_s = committed.committed_at - began
        if on_commit is not None:
            on_commit(committed)
    return report


def _one(kind: str, statement: LiteralString, values: tuple[object, ...]) -> Transaction:
    return Transaction(kind, ((statement, values),), 1)


def _number(connection: Connection, query: LiteralString) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0
