"""Aggregations: Pinot groups and sums, the rest (HAVING, ORDER BY, expressions, LIMIT) is done here, exactly.

All groups are fetched, because a NULL in a sum changes both which groups pass HAVING and their order, and
Pinot knows neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.errors import HeadraceError
from headrace.hops.serve.aggregates import Aggregates, is_aggregate
from headrace.hops.serve.dialect import Scalar, as_text, unsupported, with_equality, with_order
from headrace.hops.serve.evaluate import key_of, value
from headrace.hops.serve.expressions import Expressions
from headrace.hops.serve.plan import MAX_ROWS, Items, OutputColumn, Plan, Read, Row, where_clause
from headrace.hops.serve.selection import shown_type
from headrace.hops.serve.statement import OrderKey, Select
from headrace.hops.serve.truth import FALSE


def is_aggregation(select: Select) -> bool:
    """Whether the query groups, explicitly or by having an aggregate or DISTINCT."""
    if select.group or select.having is not None or select.distinct:
        return True
    return any(is_aggregate(part) for _, node in select.items for part in node.walk())


def plan(select: Select, physical: str, expressions: Expressions, condition: str) -> Plan:
    """The plan of an aggregation. `condition` is WHERE in Pinot's words."""
    group = select.group
    if select.distinct:
        if group or any(is_aggregate(part) for _, node in select.items for part in node.walk()):
            raise unsupported("DISTINCT over an aggregation")
        group = tuple(node for _, node in select.items)
    items = Items()
    reads: dict[str, Read] = {}
    types: dict[str, str] = {}
    keys: list[str] = []
    for node in group:
        scalar = _group_key(node, expressions)
        reads[key_of(node)] = items.value(scalar)
        types[key_of(node)] = shown_type(scalar)
        keys.append(key_of(node))
    _refuse_texts(select, keys, expressions)
    grouped = list(items.sqls)
    aggregates = Aggregates(expressions, items)
    for node in _wanted(select, keys):
        found = aggregates.add(node)
        reads[key_of(node)], types[key_of(node)] = found.read, found.pg_type
    if len(items.sqls) == len(grouped):
        items.add("COUNT(*)")
    columns = tuple(OutputColumn(name, types.get(key_of(node), "")) for name, node in select.items)
    finish = _finisher(select, reads, keys)
    if condition == FALSE:
        empty = [] if group else [_nothing(items)]
        return Plan(None, columns, lambda _: finish(empty))
    sql = f'SELECT {", ".join(items.sqls)} FROM "{physical}"{where_clause(condition)}'  # noqa: S608
    if grouped:
        sql += f" GROUP BY {', '.join(grouped)}"
    sql += f" LIMIT {MAX_ROWS + 1}"
    return Plan(sql, columns, finish, tuple(dict.fromkeys(aggregates.warnings)))


def _group_key(node: Node, expressions: Expressions) -> Scalar:
    scalar = expressions.scalar(node)
    if scalar.opaque_null or len(scalar.nulls) > 1:
        raise unsupported("GROUP BY of an expression that can be NULL in several ways")
    with_equality(scalar)
    return scalar


def _refuse_texts(select: Select, keys: list[str], expressions: Expressions) -> None:
    """What is done with group keys after the answer is done with what Pinot keeps of them."""
    roots = [node for _, node in select.items] + ([select.having] if select.having is not None else [])
    for order in select.order:
        if key_of(order.node) in keys:
            with_order(expressions.scalar(order.node))
        else:
            roots.append(order.node)
    for root in roots:
        if key_of(root) not in keys:
            for column in _key_columns(root, keys):
                as_text(expressions.scalar(column))


def _key_columns(node: Node, keys: list[str]) -> list[Node]:
    """The group keys that an expression computes with; to ask them for NULL is not to compute."""
    if is_aggregate(node) or (isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)):
        return []
    if key_of(node) in keys:
        return [node] if isinstance(node.unnest(), exp.Column) else []
    return [column for child in node.iter_expressions() for column in _key_columns(child, keys)]


def _wanted(select: Select, keys: list[str]) -> list[Node]:
    """Every aggregate anywhere in the query, once."""
    found: dict[str, Node] = {}
    roots = [node for _, node in select.items] + [key.node for key in select.order]
    if select.having is not None:
        roots.append(select.having)
    for root in roots:
        _collect(root, set(keys), found)
    return list(found.values())


def _collect(node: Node, known: set[str], found: dict[str, Node]) -> None:
    if key_of(node) in known:
        return
    if is_aggregate(node):
        found.setdefault(key_of(node), node)
        return
    for child in node.iter_expressions():
        _collect(child, known, found)


def _finisher(
    select: Select, reads: dict[str, Read], keys: list[str]
) -> Callable[[list[list[object]]], list[Row]]:
    def finish(rows: list[list[object]]) -> list[Row]:
        groups = [{name: read(row) for name, read in reads.items()} for row in rows]
        _refuse_twins(groups, keys)
        if select.having is not None:
            having = select.having
            groups = [group for group in groups if value(having, group) is True]
        if select.order:
            groups.sort(key=cmp_to_key(lambda one, other: _compare(select.order, one, other)))
        end = None if select.limit is None else select.offset + select.limit
        nodes = [node for _, node in select.items]
        return [tuple(value(node, group) for node in nodes) for group in groups[select.offset : end]]

    return finish


def _refuse_twins(groups: list[dict[str, object]], keys: list[str]) -> None:
    """1.0 and 1.00 are one value to SQL and two groups to Pinot, also where they stand for a whole number."""
    if len({tuple(group[key] for key in keys) for group in groups}) < len(groups):
        raise unsupported(
            "GROUP BY of a numeric without a fixed scale, or of arithmetic: equal values were kept apart"
        )


def _compare(order: tuple[OrderKey, ...], one: dict[str, object], other: dict[str, object]) -> int:
    for key in order:
        left, right = value(key.node, one), value(key.node, other)
        if left is None or right is None:
            if left is right:
                continue
            first = -1 if key.nulls_first else 1
            return first if left is None else -first
        found = _sign(left, right)
        if found:
            return -found if key.descending else found
    return 0


def _sign(left: Any, right: Any) -> int:
    try:
        return -1 if left < right else int(left > right)
    except TypeError:
        raise HeadraceError("query-unsupported", "ORDER BY over values of different types") from None


def _nothing(items: Items) -> list[object]:
    """The row of an aggregation over no rows at all."""
    return [0 if sql.startswith(("COUNT", "DISTINCT")) else None for sql in items.sqls]
