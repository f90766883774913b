"""count, sum and avg over a group: what one row adds, and the result's value made of the sums.

Only what can be added and taken back exactly is here: whole numbers and decimals. A group's sums are held in
types that cannot overflow before a billion rows of the largest values; past that Spark stops with an error.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform.conditions import boolean
from headrace.hops.transform.reasons import refuse
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar, digits_of, identifier
from headrace.hops.transform.scope import Scope
from headrace.hops.transform.types import BIGINT, MAX_DIGITS, OPAQUE_NUMERIC, Kind, Type, numeric

ROWS = "rows"
"""The name under which the application knows how many rows a group has."""

_HEADROOM = 9
_MOST_ROWS = 10**_HEADROOM
_AGGREGATES = (exp.Count, exp.Sum, exp.Avg)


@dataclass
class Sums:
    """The sums of one view; equal ones are held once."""

    found: dict[str, str] = field(default_factory=dict[str, str])

    def name(self, sql: str) -> str:
        """The name of the sum to which each row adds `sql`."""
        return self.found.setdefault(sql, f"s{len(self.found)}")


def is_aggregate(node: Node) -> bool:
    """Whether the node is one of the aggregates taken, perhaps with FILTER."""
    return isinstance(node, _AGGREGATES) or (
        isinstance(node, exp.Filter) and isinstance(node.this, _AGGREGATES)
    )


def aggregate(rows: Scope, sums: Sums, node: Node) -> Scalar:
    """The aggregate as an expression over the group's sums; `rows` types what stands inside it."""
    call, test = node, None
    if isinstance(node, exp.Filter):
        call, test = node.this, boolean(rows, node.expression.this).sql
    if call.args.get("distinct") or isinstance(call.this, exp.Distinct):
        raise refuse(exp.Distinct())
    if isinstance(call.this, exp.Order):
        raise Refused("ORDER BY in an aggregate", "it changes nothing: leave it out", at=node)
    with ExitStack() as stack:
        if test is not None:
            stack.enter_context(rows.guards.when(test))
        if isinstance(call, exp.Count):
            return _count(rows, sums, call, test)
        argument = rows.scalar(call.this)
    name = "sum" if isinstance(call, exp.Sum) else "avg"
    _require_linear(argument, name, node)
    return _sum(sums, argument, test, node) if name == "sum" else _average(sums, argument, test, node)


def _count(rows: Scope, sums: Sums, call: Node, test: str | None) -> Scalar:
    if call.expressions:
        raise Refused("count of several expressions", "count(*), or count of one", at=call)
    if isinstance(call.this, exp.Star):
        sql = _counted(sums, None, test)
    else:
        argument = rows.scalar(call.this)
        sql = _counted(sums, argument, test)
    return Scalar(sql, BIGINT, False, _MOST_ROWS)


def _counted(sums: Sums, argument: Scalar | None, test: str | None) -> str:
    """How many rows of the group pass the filter and have a value."""
    conditions = [] if test is None else [test]
    if argument is not None and argument.nullable:
        conditions.append(f"({argument.sql}) IS NOT NULL")
    if not conditions:
        return identifier(ROWS)
    return sums.name(f"CASE WHEN {' AND '.join(conditions)} THEN 1L ELSE 0L END")


def _require_linear(argument: Scalar, name: str, at: Node) -> None:
    kind = argument.type
    if kind.kind is Kind.FLOAT:
        raise Refused(
            f"{name} of {kind.pg} is not linear: what was added cannot be taken back to the last digit",
            f"{name}(CAST(…)) does not help, the digits are lost already: make the column numeric(p,s)",
            at=at,
        )
    if kind.kind is Kind.OPAQUE and kind.pg.startswith("numeric"):
        raise Refused(
            f"{name} of a {kind.pg} of unlimited digits",
            f"say how many digits there are: {name}(CAST(x AS numeric(18,2)))",
            at=at,
        )
    if kind.kind not in (Kind.INTEGER, Kind.NUMERIC):
        raise Refused(f"{name} of {kind.pg}", "whole numbers and numeric(p,s) can be added", at=at)
    digits = kind.digits if kind.kind is Kind.NUMERIC else 0
    if digits + _HEADROOM > MAX_DIGITS:
        most = MAX_DIGITS - _HEADROOM
        raise Refused(
            f"{name} of a numeric of {digits} digits: {MAX_DIGITS} are kept, {_HEADROOM} of them for rows",
            f"CAST it to a numeric of at most {most} digits",
            at=at,
        )


def _held(argument: Scalar) -> Type:
    """The type a group's sum is held in."""
    if argument.type.kind is Kind.INTEGER and argument.type.pg != "bigint":
        return BIGINT
    return numeric(MAX_DIGITS - argument.type.scale, argument.type.scale)


def _added(sums: Sums, argument: Scalar, test: str | None) -> str:
    held = _held(argument).spark
    sql = argument.sql if argument.type.spark == held else f"CAST({argument.sql} AS {held})"
    zero = "0L" if held == "BIGINT" else f"CAST(0 AS {held})"
    if test is not None:
        sql = f"CASE WHEN {test} THEN {sql} END"
    return sums.name(f"coalesce({sql}, {zero})" if argument.nullable or test is not None else sql)


def _sum(sums: Sums, argument: Scalar, test: str | None, at: Node) -> Scalar:
    name = _added(sums, argument, test)
    nullable = argument.nullable or test is not None
    if _held(argument) is BIGINT:
        found = Scalar(name, BIGINT, nullable, argument.bound * _MOST_ROWS)
    else:
        whole, scale = digits_of(argument)
        kind = replace(
            numeric(min(whole + _HEADROOM, MAX_DIGITS - scale), scale), uniform=argument.type.uniform
        )
        found = Scalar(f"CAST({name} AS {kind.spark})", kind, nullable)
    if nullable:
        count = _counted(sums, argument, test)
        found = replace(found, sql=f"CASE WHEN {count} > 0 THEN {found.sql} END")
    return found


def _average(sums: Sums, argument: Scalar, test: str | None, at: Node) -> Scalar:
    if not argument.type.uniform:
        raise Refused(
            "avg of a numeric whose digits after the point differ from value to value",
            "CAST it to numeric(p,s)",
            at=at,
        )
    whole, scale = digits_of(argument)
    total = _added(sums, argument, test)
    count = _counted(sums, argument, test)
    if _held(argument) is BIGINT:
        total = f"CAST({total} AS DECIMAL({MAX_DIGITS},0))"
    kind = replace(OPAQUE_NUMERIC, whole=whole or 1, scale=scale)
    return Scalar(f"headrace_avg({total}, {count})", kind, argument.nullable or test is not None)
