"""Random SQL of the classes of views that are taken, over the table `plain` of the histories.

Nothing in it overflows with the values the histories draw: PostgreSQL answers every view at any time.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

TEXTS = (
    "label",
    "left(label, 2)",
    "coalesce(label, 'none')",
    "CASE WHEN flag THEN label ELSE 'x' END",
    "label || '!'",
    "replace(label, 'a', 'bb')",
    "qty::text",
    "amount::text",
    "nullif(label, '')",
)
NUMBERS = (
    "qty",
    "CAST(qty AS bigint) + 1",
    "CAST(qty AS bigint) * -3",
    "length(label)",
    "abs(CAST(qty AS bigint))",
    "amount",
    "amount * 2.50",
    "round(amount, 1)",
    "amount - qty",
    "-amount",
    "coalesce(amount, 0.00)",
    "amount * amount",
    "floor(amount)",
    "CASE WHEN flag THEN amount END",
    "id::numeric(20,0) * 2",
)
CONDITIONS = (
    "flag",
    "NOT flag",
    "flag IS NOT TRUE",
    "qty > 0",
    "qty IN (0, 1, 42)",
    "qty <> 42 OR qty IS NULL",
    "amount BETWEEN -10 AND 1000",
    "amount >= 0",
    "amount * 2 < 25",
    "label <> ''",
    "label IS NOT NULL",
    "label LIKE '%a%'",
    "starts_with(label, '\\')",
    "amount IS DISTINCT FROM 1.50",
)
KEYS = (
    "label",
    "left(label, 1)",
    "flag",
    "qty",
    "amount",
    "qty > 0",
    "round(amount, 0)",
    "coalesce(qty, 0)",
    "label IS NULL",
    "CAST(qty AS bigint) + 1",
)


@dataclass(frozen=True)
class DrawnView:
    """A view's SQL and the names of its columns."""

    sql: str
    columns: tuple[str, ...]


def draw(source: random.Random, groups: bool) -> DrawnView:
    """A view with groups, or with rows."""
    items = _groups(source) if groups else _rows(source)
    listed = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
    sql = f"SELECT {listed} FROM plain{_where(source)}"
    if groups:
        keys = [n for n, item in enumerate(items, start=1) if item in KEYS]
        sql += f" GROUP BY {', '.join(map(str, keys))}"
    return DrawnView(sql, tuple(f"c{n}" for n in range(len(items))))


def _rows(source: random.Random) -> list[str]:
    items = source.sample((*TEXTS, *NUMBERS, *CONDITIONS), source.randint(1, 6))
    return [f"({item})" if item in CONDITIONS else item for item in items]


def _groups(source: random.Random) -> list[str]:
    keys = source.sample(KEYS, source.choice((1, 1, 2)))
    made = [
        "count(*)",
        f"count({source.choice(TEXTS)})",
        f"sum({source.choice(NUMBERS)})",
        f"avg({source.choice(NUMBERS)})",
        f"sum({source.choice(NUMBERS)}) FILTER (WHERE {source.choice(CONDITIONS)})",
        f"coalesce(sum({source.choice(NUMBERS)}), 0)",
        f"count(*) FILTER (WHERE {source.choice(CONDITIONS)})",
    ]
    items = [*keys, *source.sample(made, source.randint(1, 4))]
    source.shuffle(items)
    return items


def _where(source: random.Random) -> str:
    kind = source.choice(("", "", "one", "and", "or"))
    one, other = source.sample(CONDITIONS, 2)
    return {
        "": "",
        "one": f" WHERE {one}",
        "and": f" WHERE {one} AND ({other})",
        "or": f" WHERE {one} OR {other}",
    }[kind]
