"""Conditions with SQL's three truth values: comparisons, AND, OR, NOT, IS, IN, BETWEEN, LIKE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform import literals
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar, text
from headrace.hops.transform.scope import Scope
from headrace.hops.transform.types import BOOLEAN, Kind
from headrace.hops.transform.unify import common, convert

_COMPARISONS: dict[type[Node], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "<=>",
    exp.NullSafeNEQ: "<=>",
}
_EQUALITIES = frozenset({"=", "<>", "<=>"})
_UNORDERED = frozenset({Kind.TEXT, Kind.UUID, Kind.ENUM, Kind.BOOLEAN})
_LOOSE = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between, exp.Like)


def boolean(scope: Scope, node: Node) -> Scalar:
    """The expression as a condition."""
    found = scope.scalar(node)
    if found.type.kind is Kind.UNKNOWN:
        return literals.typed(found, BOOLEAN, node)
    if found.type.kind is not Kind.BOOLEAN:
        raise Refused(f"a condition is needed, this is {found.type.pg}", "compare it with something", at=node)
    return found


def comparison(sign: str, one: tuple[Scalar, Node], other: tuple[Scalar, Node], at: Node) -> Scalar:
    """One comparison; `<=>` is IS NOT DISTINCT FROM."""
    if Kind.UNKNOWN in (one[0].type.kind, other[0].type.kind) and not any(
        value.literal is not None or value.type.kind is not Kind.UNKNOWN for value, _ in (one, other)
    ):
        raise Refused("a comparison of NULL with NULL", "write IS NULL or IS NOT DISTINCT FROM", at=at)
    kind = common([one[0], other[0]], "the two sides", at)
    if sign not in _EQUALITIES and kind.kind in _UNORDERED:
        why = (
            "the order of text depends on the collation, which Spark does not have"
            if kind.kind is Kind.TEXT
            else f"the order of {kind.pg} is PostgreSQL's own"
        )
        raise Refused(f"{sign} on {kind.pg}: {why}", "compare with = or <>, IN or LIKE 'prefix%'", at=at)
    left, right = aligned([one, other], at)
    nullable = sign != "<=>" and (left.nullable or right.nullable)
    return Scalar(f"({left.sql} {sign} {right.sql})", BOOLEAN, nullable)


def aligned(values: list[tuple[Scalar, Node]], at: Node) -> list[Scalar]:
    """The values in one Spark type, none of their digits lost."""
    kind = common([value for value, _ in values], "the two sides", at)
    found = [convert(value, kind, node) for value, node in values]
    if kind.kind is Kind.NUMERIC:
        whole = max(value.type.whole for value in found)
        scale = max(value.type.scale for value in found)
        widest = replace(kind, whole=whole, scale=scale)
        found = [convert(value, widest, at) for value in found]
    return found


def _compare(scope: Scope, node: Node) -> Scalar:
    sign = _COMPARISONS[type(node)]
    sides = [(scope.scalar(_strict(side, node)), side) for side in (node.this, node.expression)]
    found = comparison(sign, sides[0], sides[1], node)
    return replace(found, sql=f"(NOT {found.sql})") if isinstance(node, exp.NullSafeNEQ) else found


def _strict(side: Node, around: Node) -> Node:
    """Refuse `a = b IS NULL` and the like, where parsers differ on what belongs together."""
    if isinstance(side, (*_LOOSE, exp.Not)):
        raise Refused(
            "a condition within a comparison, without parentheses", "put it in parentheses", at=around
        )
    return side


def _both(word: str) -> Callable[[Scope, Node], Scalar]:
    def handler(scope: Scope, node: Node) -> Scalar:
        left, right = boolean(scope, node.this), boolean(scope, node.expression)
        return Scalar(f"({left.sql} {word} {right.sql})", BOOLEAN, left.nullable or right.nullable)

    return handler


def _not(scope: Scope, node: Node) -> Scalar:
    inner = boolean(scope, node.this)
    return Scalar(f"(NOT {inner.sql})", BOOLEAN, inner.nullable)


def _is(scope: Scope, node: Node) -> Scalar:
    value = scope.scalar(_strict(node.this, node))
    if isinstance(node.expression, exp.Null):
        if value.type.kind is Kind.UNKNOWN:
            raise Refused("IS NULL of a literal", "leave it out", at=node)
        test = f"(({value.sql}) IS NULL)"
    elif isinstance(node.expression, exp.Boolean):
        condition = boolean(scope, node.this)
        test = f"(({condition.sql}) <=> {'true' if node.expression.this else 'false'})"
    else:
        raise Refused("this form of IS is not taken", "IS [NOT] NULL, TRUE or FALSE are", at=node)
    return Scalar(_negated(test, node), BOOLEAN, False)


def _in(scope: Scope, node: Node) -> Scalar:
    if node.args.get("query") is not None or node.args.get("unnest") is not None:
        raise Refused(
            "a subquery reads other rows than the one at hand", "list the values", at=node, needs="joins"
        )
    parts: list[Node] = [_strict(node.this, node), *node.expressions]
    values = aligned([(scope.scalar(part), part) for part in parts], node)
    listed = ", ".join(value.sql for value in values[1:])
    return Scalar(f"({values[0].sql} IN ({listed}))", BOOLEAN, any(value.nullable for value in values))


def _between(scope: Scope, node: Node) -> Scalar:
    if node.args.get("symmetric"):
        raise Refused("BETWEEN SYMMETRIC is not taken", "order the bounds, or write both cases", at=node)
    value = (scope.scalar(_strict(node.this, node)), node.this)
    low = comparison(">=", value, (scope.scalar(node.args["low"]), node.args["low"]), node)
    high = comparison("<=", value, (scope.scalar(node.args["high"]), node.args["high"]), node)
    return Scalar(f"({low.sql} AND {high.sql})", BOOLEAN, low.nullable or high.nullable)


def _like(scope: Scope, node: Node) -> Scalar:
    value = scope.computable(_strict(node.this, node))
    pattern = scope.scalar(node.expression)
    if value.type.kind is not Kind.TEXT or pattern.literal is None:
        raise Refused(
            "LIKE is taken on text with a literal pattern", "CAST to text; write the pattern out", at=node
        )
    if "\\" in pattern.literal:
        raise Refused("a backslash in a LIKE pattern", "use = or substring for what needs escapes", at=node)
    test = f"({value.sql} LIKE {text(pattern.literal)})"
    return Scalar(_negated(test, node), BOOLEAN, value.nullable)


def _negated(test: str, node: Node) -> str:
    return f"(NOT {test})" if node.args.get("negate") else test


HANDLERS: dict[type[Node], Callable[[Scope, Node], Scalar]] = {
    **dict.fromkeys(_COMPARISONS, _compare),
    exp.And: _both("AND"),
    exp.Or: _both("OR"),
    exp.Not: _not,
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
}
