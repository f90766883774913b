"""Queries for the comparison with PostgreSQL: some written by hand, any number drawn."""

from __future__ import annotations

import random

_ATOMS = (
    "name = 'a'",
    "name <> 'a'",
    "name <> 'nowhere'",
    "name IN ('a', '', 'b')",
    "name NOT IN ('a', 'zzz')",
    "name NOT IN ('a', NULL)",
    "name IS NULL",
    "name IS NOT NULL",
    "name LIKE 'a%'",
    "name NOT LIKE '%b'",
    "name LIKE 'ä\\%\\_'",
    "name > 'a'",
    "plain <> 'a'",
    "plain = name",
    "plain < 'b'",
    "late = 'late'",
    "late <> 'late'",
    "late IS DISTINCT FROM 'late'",
    "name IS NOT DISTINCT FROM NULL",
    "code = 'x'",
    "code <> 'y'",
    "flag",
    "flag = false",
    "flag IS TRUE",
    "flag IS NOT TRUE",
    "flag IS NOT FALSE",
    "qty > 1",
    "qty <= 1.5",
    "qty = 1.5",
    "qty BETWEEN 0 AND 2",
    "qty NOT BETWEEN 0 AND 2",
    "qty = num",
    "qty + num > 2",
    "qty * 2 <> num",
    "num IN (1, 2)",
    "num < qty",
    "big = 1152921504606846977",
    "big > 1152921504606846977",
    "big IN (0, 1152921504606846979)",
    "price > 1",
    "price > 0",
    "price >= 0",
    "price < 0.00",
    "price <= 0",
    "price = 0",
    "price <> 0",
    "price IN (0, 1.1)",
    "cost >= 0",
    "cost <> 0",
    "price < 0.001",
    "price = 123456789012345678.91",
    "price <> 1.1",
    "price * 2 > cost",
    "price > cost",
    "cost < 0.1234",
    "weight >= 0.5",
    "weight < 0",
    "raw = '\\x00ff'",
    "raw <> ''",
    "day = '2024-01-02'",
    "day > DATE '2024-01-02'",
    "at > '2024-01-02 12:00:00.000001'",
    "at <= TIMESTAMP '2024-01-03 00:00:00'",
    "at > '2024-01-02 12:00+02'",
    "at > TIMESTAMPTZ '2024-01-02 12:00+02'",
    "atz > TIMESTAMP '2024-01-02 12:00+02'",
    "day < TIMESTAMP '2024-01-02 00:00'",
    "day = '2024-01-02 10:00'",
    "atz BETWEEN '2024-01-01 10:00:00+00' AND '2024-01-03 10:00:00+02'",
    "clock > '11:00:00'",
    "COALESCE(qty, 0) = 0",
    "CASE WHEN qty > 1 THEN 1 ELSE 0 END = 0",
    "big <> id",
    "(CASE WHEN price >= 1.1 THEN price ELSE 0.1 END) = 1.1",
    "num % 2 = 0",
    "id < 100",
    "1 = 1 AND id < 50",
    "trim(padded) = 'a'",
    "ltrim(padded) = 'a '",
    "rtrim(padded) <> ' a'",
    "trim(both 'x ' from padded) = 'a'",
    "NULL",
    "TRUE",
    "FALSE",
)

_ATOMS = tuple(atom for atom in _ATOMS if not atom.startswith("1 = 1"))

_SELECTIONS = (
    "SELECT id FROM {t} WHERE __W__",
    "SELECT * FROM {t} WHERE __W__",
    "SELECT id, name, qty + num AS s, price FROM {t} WHERE __W__ ORDER BY name, id LIMIT 7",
    "SELECT id, at, plain FROM {t} WHERE __W__ ORDER BY at DESC, id LIMIT 20 OFFSET 3",
    "SELECT id, qty FROM {t} WHERE __W__ ORDER BY qty DESC NULLS LAST, id LIMIT 30",
    "SELECT id, price FROM {t} WHERE __W__ ORDER BY price NULLS FIRST, id DESC LIMIT 30",
)

_AGGREGATES = (
    "COUNT(*)",
    "COUNT(qty)",
    "COUNT(name)",
    "COUNT(DISTINCT name)",
    "COUNT(DISTINCT qty)",
    "COUNT(DISTINCT at)",
    "COUNT(DISTINCT flag)",
    "COUNT(DISTINCT price)",
    "SUM(qty)",
    "SUM(num)",
    "SUM(big)",
    "SUM(price)",
    "SUM(cost)",
    "SUM(price * qty)",
    "SUM(qty + num)",
    "AVG(qty)",
    "AVG(price)",
    "AVG(num)",
    "MIN(qty)",
    "MAX(big)",
    "MIN(big)",
    "MAX(at)",
    "MIN(atz)",
    "MIN(day)",
    "MAX(day)",
    "MAX(weight)",
    "SUM(weight)",
    "SUM(CASE WHEN name <> 'a' THEN qty ELSE 0 END)",
    "SUM(CASE WHEN name = 'a' THEN price END)",
    "COUNT(CASE WHEN NOT (qty > 1) THEN 1 END)",
    "COUNT((CASE WHEN qty > 1 THEN 1 END))",
    "AVG((CASE WHEN name = 'a' THEN price END))",
    "MAX(COALESCE(big, 0))",
    "COUNT(*) FILTER (WHERE name <> 'a')",
    "COUNT(*) FILTER (WHERE price >= 1.1)",
    "SUM(price) FILTER (WHERE qty IS NULL)",
    "COALESCE(SUM(qty), 0)",
    "SUM(qty) / COUNT(*)",
    "SUM(price) / NULLIF(SUM(num), 0)",
    "ROUND(AVG(price), 3)",
)

_GROUPS = (
    "name",
    "plain",
    "code",
    "flag",
    "qty",
    "big",
    "day",
    "at",
    "name, flag",
    "code, qty, plain",
    "price",
    "DATE_TRUNC('day', at)",
    "late, code",
    "raw",
    "clock",
)

_HAVING = (
    "COUNT(*) > 3",
    "SUM(qty) > 5",
    "SUM(qty) IS NULL",
    "NOT (SUM(qty) = 0)",
    "AVG(price) > 1 OR MIN(qty) < 0",
)

_OWN = [
    "SELECT num AS qty, COUNT(*) FROM {t} GROUP BY num, qty",
    "SELECT upper(code) AS code, COUNT(*) FROM {t} GROUP BY upper(code) ORDER BY code",
    "SELECT COUNT(*), trim(leading from padded) AS cut FROM {t} GROUP BY cut",
    "SELECT id FROM public.{t}",
]


def fixed() -> list[str]:
    """Each atom and its negation, each aggregate, each grouping once."""
    found = conditions()
    found += [f"SELECT {aggregate} FROM {{t}}" for aggregate in _AGGREGATES]
    found += [f"SELECT {aggregate} FROM {{t}} WHERE id < 0" for aggregate in _AGGREGATES]
    found += [f"SELECT {aggregate} FROM {{t}} WHERE qty IS NULL" for aggregate in _AGGREGATES]
    found += [f"SELECT {group}, COUNT(*) FROM {{t}} GROUP BY {group}" for group in _GROUPS]
    found += [f"SELECT DISTINCT {group} FROM {{t}}" for group in _GROUPS]
    found += [selection.replace("__W__", "TRUE") for selection in _SELECTIONS]
    found += _OWN
    return found


def conditions() -> list[str]:
    """Each atom and its negation once."""
    found = [f"SELECT id FROM {{t}} WHERE {atom}" for atom in _ATOMS]
    return found + [f"SELECT COUNT(*) FROM {{t}} WHERE NOT ({atom})" for atom in _ATOMS]


def draw(source: random.Random) -> str:
    """A query at random."""
    where = _condition(source, 3)
    shape = source.random()
    if shape < 0.35:
        return source.choice(_SELECTIONS).replace("__W__", where)
    aggregates = ", ".join(source.sample(_AGGREGATES, source.randrange(1, 5)))
    if shape < 0.6:
        return f"SELECT {aggregates} FROM {{t}} WHERE {where}"
    group = source.choice(_GROUPS)
    having = f" HAVING {source.choice(_HAVING)}" if source.random() < 0.5 else ""
    return f"SELECT {group}, {aggregates} FROM {{t}} WHERE {where} GROUP BY {group}{having}"


def _condition(source: random.Random, depth: int) -> str:
    if depth == 0 or source.random() < 0.25:
        return source.choice(_ATOMS)
    kind = source.random()
    if kind < 0.3:
        return f"NOT ({_condition(source, depth - 1)})"
    joined = " AND " if kind < 0.65 else " OR "
    return "(" + joined.join(_condition(source, depth - 1) for _ in range(source.randrange(2, 4))) + ")"
