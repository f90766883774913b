"""SELECT of rows: filtered, sorted and cut by Pinot, with a mark beside every column that may be NULL."""

from __future__ import annotations

from headrace.hops.serve.dialect import Scalar, unsupported, with_order
from headrace.hops.serve.expressions import Expressions
from headrace.hops.serve.operands import order_keys
from headrace.hops.serve.plan import MAX_ROWS, Items, OutputColumn, Plan, null_mark, where_clause
from headrace.hops.serve.statement import OrderKey, Select
from headrace.hops.serve.truth import FALSE


def plan(select: Select, physical: str, expressions: Expressions, condition: str) -> Plan:
    """The plan of a row query. `condition` is WHERE in Pinot's words."""
    items = Items()
    scalars = [(name, expressions.scalar(node)) for name, node in select.items]
    for _, scalar in scalars:
        if scalar.opaque_null:
            raise unsupported("a selected CASE that can be NULL", "give the CASE an ELSE")
    reads = [items.value(scalar) for _, scalar in scalars]
    columns = tuple(OutputColumn(name, shown_type(scalar)) for name, scalar in scalars)
    if condition == FALSE or select.limit == 0:
        return Plan(None, columns, lambda rows: [])
    limit = MAX_ROWS + 1 if select.limit is None else select.limit
    sql = f'SELECT {", ".join(items.sqls or ["__kind"])} FROM "{physical}"{where_clause(condition)}'  # noqa: S608
    if select.order:
        sql += " ORDER BY " + ", ".join(_order(key, expressions) for key in select.order)
    sql += f" LIMIT {limit}" + (f" OFFSET {select.offset}" if select.offset else "")
    return Plan(sql, columns, lambda rows: [tuple(read(row) for read in reads) for row in rows])


def shown_type(scalar: Scalar) -> str:
    """The PostgreSQL type people see."""
    return scalar.pg_type or scalar.kind.value


def _order(key: OrderKey, expressions: Expressions) -> str:
    scalar = expressions.scalar(key.node)
    if scalar.opaque_null or scalar.literal:
        raise unsupported("ORDER BY of a constant, or of a CASE that can be NULL")
    with_order(scalar)
    direction = " DESC" if key.descending else ""
    marks = [f"{null_mark(name)}{' DESC' if key.nulls_first else ''}" for name in sorted(scalar.nulls)]
    if len(marks) > 1:
        raise unsupported("ORDER BY of an expression over several nullable columns")
    return ", ".join([*marks, *(f"{sorted_by}{direction}" for sorted_by in order_keys(scalar))])
