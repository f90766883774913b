"""What happens in the shop, one transaction after the other, as changes of rows.

Promise: the transactions are a pure function of the seed and of the rows the shop was opened with. Nothing
here knows of a connection or a clock: `NOW` stands for the moment at which somebody carries a change out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Literal

COUNTRIES = ("Denmark", "Portugal", "Kenya", "Japan", "Peru", "Canada", "Estonia", "India")
CATEGORIES = ("lamps", "chairs", "tables", "shelves", "rugs", "vases")
_FIRST = ("Ada", "Bo", "Chidi", "Dana", "Emre", "Fatou", "Goro", "Hana", "Ines", "Jon", "Kai", "Lúcia")
_LAST = ("Almeida", "Berg", "Chen", "Diallo", "Eriksen", "Fujita", "Garcia", "Haddad", "Iyer", "Jensen")
_NOTES = (None, None, None, "gift wrap", "ring the bell", "leave at the door", "call first")
_METHODS = ("card", "card", "transfer", "wallet")
_REASONS = ("too large", "too small", "damaged", "not as shown", "no longer needed")
_NEXT_STATUS = {"placed": "paid", "paid": "packed", "packed": "shipped", "shipped": "delivered"}
REMEMBERED_ORDERS = 20_000
"""How many orders the shop works on; of more, the longest remembered of a state are let go."""


class Moment(Enum):
    """The time at which a change is carried out."""

    NOW = "now"


NOW = Moment.NOW
Value = int | str | bool | Decimal | Moment | None


@dataclass(frozen=True)
class Change:
    """One row inserted, updated or deleted; `values` are the new ones, without `updated_at`."""

    operation: Literal["insert", "update", "delete"]
    table: str
    key: Mapping[str, Value]
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True)
class Transaction:
    """Changes to make in one transaction, which then commits, or is rolled back and leaves nothing."""

    kind: str
    statements: tuple[Change, ...]
    commits: bool = True

    @property
    def changes(self) -> int:
        """How many row changes remain of it."""
        return len(self.statements) if self.commits else 0


@dataclass
class Line:
    """A line of a remembered order."""

    product: int
    quantity: int
    price: Decimal
    returned: bool = False


@dataclass
class Order:
    """An order the shop still works on; `lines` by their number."""

    id: int
    status: str
    lines: dict[int, Line]

    @property
    def total(self) -> Decimal:
        return sum((line.quantity * line.price for line in self.lines.values()), Decimal("0.00"))


@dataclass
class Stand:
    """What the shop knows when it opens: who buys, what is sold, the next numbers, orders in hand."""

    customers: list[int]
    prices: dict[int, Decimal]
    orders: list[Order] = field(default_factory=list[Order])
    next_customer: int = 1
    next_order: int = 1
    next_payment: int = 1
    next_return: int = 1


class Shop:
    """Decides what happens next; knows the rows it made and nothing of connections."""

    def __init__(self, seed: int, stand: Stand, *, deletes: bool = True) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._stand = stand
        self._products = list(stand.prices)
        self._deletes = deletes
        self._by_status: dict[str, list[Order]] = {status: [] for status in (*_NEXT_STATUS, "delivered")}
        for order in stand.orders:
            self._remember(order)

    def transactions(self) -> Iterator[Transaction]:
        """For ever: about half of the changes insert, most others update, few delete or are rolled back."""
        steps: tuple[tuple[Callable[[], Transaction | None], int], ...] = (
            (self._place_order, 30),
            (self._advance_order, 45),
            (self._change_quantity, 18),
            (self._add_line, 6),
            (self._cancel_order, 4),
            (self._delete_order, 3 if self._deletes else 0),
            (self._return_line, 4),
            (self._change_price, 8),
            (self._move_customer, 4),
            (self._new_customer, 4),
            (self._refuse_order, 2),
        )
        choices = [step for step, _ in steps]
        weights = [weight for _, weight in steps]
        while True:
            made = self._random.choices(choices, weights)[0]()
            if made is not None:
                yield made

    def _place_order(self) -> Transaction:
        order, changes = self._new_order()
        self._remember(order)
        return Transaction("order placed", changes)

    def _refuse_order(self) -> Transaction:
        """An order that is written and then rolled back, as when a payment is refused."""
        _, changes = self._new_order()
        return Transaction("order refused", changes, commits=False)

    def _new_order(self) -> tuple[Order, tuple[Change, ...]]:
        stand = self._stand
        number, stand.next_order = stand.next_order, stand.next_order + 1
        count = self._random.choice((1, 1, 2, 3))
        lines = {place: self._new_line() for place in range(1, count + 1)}
        order = Order(number, "placed", lines)
        customer, note = self._random.choice(stand.customers), self._random.choice(_NOTES)
        row = Change(
            "insert",
            "orders",
            {"id": number},
            {
                "customer_id": customer,
                "status": order.status,
                "total": order.total,
                "note": note,
                "placed_at": NOW,
            },
        )
        return order, (row, *(_line_row(order, place) for place in lines))

    def _new_line(self) -> Line:
        product = self._random.choice(self._products)
        return Line(product, self._random.randint(1, 5), self._stand.prices[product])

    def _advance_order(self) -> Transaction | None:
        order = self._take_order(*_NEXT_STATUS)
        if order is None:
            return None
        order.status = _NEXT_STATUS[order.status]
        self._remember(order)
        moved = _update("orders", {"id": order.id}, status=order.status)
        if order.status != "paid":
            return Transaction(f"order {order.status}", (moved,))
        number, self._stand.next_payment = self._stand.next_payment, self._stand.next_payment + 1
        method = self._random.choice(_METHODS)
        paid = Change(
            "insert",
            "payments",
            {"id": number},
            {"order_id": order.id, "method": method, "amount": order.total, "paid_at": NOW},
        )
        return Transaction("order paid", (moved, paid))

    def _change_quantity(self) -> Transaction | None:
        order = self._one_order("placed")
        if order is None:
            return None
        place = self._random.choice(list(order.lines))
        order.lines[place].quantity = self._random.randint(1, 9)
        quantity = order.lines[place].quantity
        line = _update("order_lines", {"order_id": order.id, "line_no": place}, quantity=quantity)
        return Transaction("order changed", (line, _update("orders", {"id": order.id}, total=order.total)))

    def _add_line(self) -> Transaction | None:
        order = self._one_order("placed")
        if order is None:
            return None
        place = max(order.lines) + 1
        order.lines[place] = self._new_line()
        total = _update("orders", {"id": order.id}, total=order.total)
        return Transaction("line added", (_line_row(order, place), total))

    def _cancel_order(self) -> Transaction | None:
        order = self._take_order("placed")
        if order is None:
            return None
        return Transaction("order cancelled", (_update("orders", {"id": order.id}, status="cancelled"),))

    def _delete_order(self) -> Transaction | None:
        order = self._take_order("placed")
        if order is None:
            return None
        lines = (
            Change("delete", "order_lines", {"order_id": order.id, "line_no": place}) for place in order.lines
        )
        return Transaction("order deleted", (*lines, Change("delete", "orders", {"id": order.id})))

    def _return_line(self) -> Transaction | None:
        order = self._one_order("delivered")
        if order is None:
            return None
        place = self._random.choice(list(order.lines))
        line = order.lines[place]
        if line.returned:
            return None
        line.returned = True
        number, self._stand.next_return = self._stand.next_return, self._stand.next_return + 1
        quantity = self._random.randint(1, line.quantity)
        back = Change(
            "insert",
            "returns",
            {"id": number},
            {
                "order_id": order.id,
                "line_no": place,
                "quantity": quantity,
                "refund": quantity * line.price,
                "reason": self._random.choice(_REASONS),
                "returned_at": NOW,
            },
        )
        return Transaction("line returned", (back, _update("orders", {"id": order.id}, status="returned")))

    def _change_price(self) -> Transaction:
        product, price = self._random.choice(self._products), some_price(self._random)
        self._stand.prices[product] = price
        return Transaction("price changed", (_update("products", {"id": product}, price=price),))

    def _move_customer(self) -> Transaction:
        country, customer = self._random.choice(COUNTRIES), self._random.choice(self._stand.customers)
        return Transaction("customer moved", (_update("customers", {"id": customer}, country=country),))

    def _new_customer(self) -> Transaction:
        number, self._stand.next_customer = self._stand.next_customer, self._stand.next_customer + 1
        self._stand.customers.append(number)
        return Transaction("customer joined", (customer_row(number, self._random),))

    def _one_order(self, status: str) -> Order | None:
        """A remembered order of that state, each as likely."""
        orders = self._by_status[status]
        return orders[self._random.randrange(len(orders))] if orders else None

    def _take_order(self, *statuses: str) -> Order | None:
        """An order of one of these states, each as likely, which is then no longer remembered."""
        sizes = [len(self._by_status[status]) for status in statuses]
        if not any(sizes):
            return None
        orders = self._by_status[self._random.choices(statuses, sizes)[0]]
        place = self._random.randrange(len(orders))
        orders[place], orders[-1] = orders[-1], orders[place]
        return orders.pop()

    def _remember(self, order: Order) -> None:
        orders = self._by_status.get(order.status)
        if orders is None:  # cancelled or returned: nothing happens to it any more
            return
        orders.append(order)
        if len(orders) > REMEMBERED_ORDERS // len(self._by_status):
            orders[0] = orders.pop()


def customer_row(number: int, source: random.Random) -> Change:
    """A customer who joins now."""
    first, last = source.choice(_FIRST), source.choice(_LAST)
    return Change(
        "insert",
        "customers",
        {"id": number},
        {
            "name": f"{first} {last}",
            "email": f"customer{number}@example.com",
            "country": source.choice(COUNTRIES),
            "created_at": NOW,
        },
    )


def product_row(number: int, source: random.Random) -> Change:
    """A product that goes on sale now."""
    category = source.choice(CATEGORIES)
    return Change(
        "insert",
        "products",
        {"id": number},
        {
            "name": f"{category[:-1]} no. {number}",
            "category": category,
            "price": some_price(source),
            "active": True,
        },
    )


def some_price(source: random.Random) -> Decimal:
    return Decimal(source.randint(199, 49_999)).scaleb(-2)


def _line_row(order: Order, place: int) -> Change:
    line = order.lines[place]
    values: dict[str, Value] = {"product_id": line.product, "quantity": line.quantity, "price": line.price}
    return Change("insert", "order_lines", {"order_id": order.id, "line_no": place}, values)


def _update(table: str, key: Mapping[str, Value], **values: Value) -> Change:
    return Change("update", table, key, values)
