"""Scalar expressions: which are taken, their types in PostgreSQL, and the same value in Spark's words.

Promise: whatever is not in the tables below is refused; whatever is, is sent through PostgreSQL and Spark
with hostile values by tests/integration/transform/test_expressions.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform import casts, conditions, instants, literals, numbers, texts
from headrace.hops.transform.reasons import refuse
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar
from headrace.hops.transform.scope import Scope
from headrace.hops.transform.types import Kind
from headrace.hops.transform.unify import common, convert

Handler = Callable[[Scope, Node], Scalar]


def scalar(scope: Scope, node: Node) -> Scalar:
    """The typed expression; Refused with the reason of its construct otherwise."""
    if isinstance(node, exp.Paren):
        return scope.scalar(node.this)
    if isinstance(node, exp.Literal):
        text = str(node.this)
        return literals.unknown(text) if node.is_string else literals.number(text, node)
    if isinstance(node, exp.Boolean):
        return Scalar("true" if node.this else "false", conditions.BOOLEAN, False, constant=True)
    if isinstance(node, exp.Null):
        return literals.NULL
    handler = _HANDLERS.get(type(node))
    if handler is None and isinstance(node, exp.Anonymous):
        handler = _NAMED.get(str(node.this).lower())
    if handler is None:
        raise refuse(node)
    return handler(scope, node)


def _case(scope: Scope, node: Node) -> Scalar:
    subject = node.args.get("this") if isinstance(node, exp.Case) else None
    tests: list[str] = []
    values: list[tuple[Scalar, Node]] = []
    before: list[str] = []
    for branch in node.args["ifs"]:
        condition = exp.EQ(this=subject.copy(), expression=branch.this.copy()) if subject else branch.this
        with scope.guards.when(*before):
            test = conditions.boolean(scope, condition).sql
        with scope.guards.when(*before, test):
            values.append((scope.scalar(branch.args["true"]), branch.args["true"]))
        tests.append(test)
        before.append(f"NOT (({test}) <=> true)")
    default = node.args.get("default") or exp.Null()
    with scope.guards.when(*before):
        values.append((scope.scalar(default), default))
    found = _unified(values, "the branches of CASE", node)
    whens = " ".join(f"WHEN {test} THEN {value.sql}" for test, value in zip(tests, found, strict=False))
    return replace(
        found[0],
        sql=f"CASE {whens} ELSE {found[-1].sql} END",
        nullable=any(value.nullable for value in found),
        bound=max(value.bound for value in found),
        literal=None,
        constant=False,
    )


def _coalesce(scope: Scope, node: Node) -> Scalar:
    values: list[tuple[Scalar, Node]] = []
    before: list[str] = []
    for part in (node.this, *node.expressions):
        with scope.guards.when(*before):
            value = scope.scalar(part)
        values.append((value, part))
        if value.literal is None:
            before.append(f"({value.sql}) IS NULL")
    found = _unified(values, "the arguments of COALESCE", node)
    return replace(
        found[0],
        sql=f"coalesce({', '.join(value.sql for value in found)})",
        nullable=all(value.nullable for value in found),
        bound=max(value.bound for value in found),
        literal=None,
        constant=False,
    )


def _nullif(scope: Scope, node: Node) -> Scalar:
    first, second = scope.scalar(node.this), scope.scalar(node.expression)
    if first.type.kind is Kind.UNKNOWN:
        raise Refused("NULLIF of a literal has no type of its own", "CAST the literal", at=node)
    equal = conditions.comparison("=", (first, node.this), (second, node.expression), node)
    if first.type.kind is Kind.INTEGER and second.type.kind is Kind.NUMERIC:
        raise Refused(
            "NULLIF of a whole number and a numeric turns it into numeric", "CAST the first", at=node
        )
    return replace(
        first,
        sql=f"CASE WHEN {equal.sql} THEN CAST(NULL AS {first.type.spark}) ELSE {first.sql} END",
        nullable=True,
        constant=False,
    )


def _unified(values: Sequence[tuple[Scalar, Node]], what: str, at: Node) -> list[Scalar]:
    kind = common([value for value, _ in values], what, at)
    return [convert(value, kind, node) for value, node in values]


_HANDLERS: dict[type[Node], Handler] = {
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Cast: casts.cast,
    **conditions.HANDLERS,
    **numbers.HANDLERS,
    **texts.HANDLERS,
    **instants.HANDLERS,
}
_NAMED: dict[str, Handler] = {**texts.NAMED}
