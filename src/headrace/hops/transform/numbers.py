"""Whole numbers and decimals: + - *, unary minus, abs, sign, round, floor, ceil, greatest, least.

An operation whose result may leave PostgreSQL's type gives NULL in Spark and a guard, never a wrong number;
where the declared digits exclude it, neither is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform import literals
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar, as_decimal, digits_of, fits, widened
from headrace.hops.transform.scope import Scope
from headrace.hops.transform.types import INTEGER, MAX_DIGITS, Kind, Type, numeric, wider
from headrace.hops.transform.unify import common, convert

_OPERATORS: dict[type[Node], tuple[str, str]] = {
    exp.Add: ("+", "try_add"),
    exp.Sub: ("-", "try_subtract"),
    exp.Mul: ("*", "try_multiply"),
}
_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMERIC})
_NO_ROUNDING = "round, floor, ceil and sign of a whole number are double precision in PostgreSQL"


def _number(scope: Scope, node: Node) -> Scalar:
    found = scope.computable(node)
    if found.type.kind is Kind.UNKNOWN:
        return literals.typed(found, INTEGER, node)
    if found.type.kind not in _NUMBERS:
        raise Refused(
            f"arithmetic on {found.type.pg}", "whole numbers and numeric(p,s) can be computed with", at=node
        )
    return found


def _arithmetic(scope: Scope, node: Node) -> Scalar:
    sides = [(scope.computable(side), side) for side in (node.this, node.expression)]
    left, right = (
        _beside(value, sides[1 - index][0], side) if value.type.kind is Kind.UNKNOWN else _number(scope, side)
        for index, (value, side) in enumerate(sides)
    )
    if Kind.NUMERIC in (left.type.kind, right.type.kind):
        return _decimal(node, left, right)
    sign, attempt = _OPERATORS[type(node)]
    kind = wider(left.type, right.type)
    bound = left.bound * right.bound if sign == "*" else left.bound + right.bound
    left, right = widened(left, kind), widened(right, kind)
    nullable, constant = left.nullable or right.nullable, left.constant and right.constant
    if fits(bound, kind):
        return Scalar(f"({left.sql} {sign} {right.sql})", kind, nullable, bound, constant=constant)
    sql = f"{attempt}({left.sql}, {right.sql})"
    _guard_integer(scope, sql, [left, right], kind, node)
    return Scalar(sql, kind, nullable, _largest(kind), constant=constant)


def _beside(value: Scalar, other: Scalar, at: Node) -> Scalar:
    """A quoted literal next to a number takes that number's type."""
    if other.type.kind not in _NUMBERS:
        raise Refused("arithmetic on quoted literals", "leave the quotes out", at=at)
    return literals.typed(value, other.type, at)


def _decimal(node: Node, left: Scalar, right: Scalar) -> Scalar:
    sign = _OPERATORS[type(node)][0]
    (whole_1, scale_1), (whole_2, scale_2) = digits_of(left), digits_of(right)
    if sign == "*":
        whole, scale = whole_1 + whole_2 + 1, scale_1 + scale_2
    else:
        whole, scale = max(whole_1, whole_2) + 1, max(scale_1, scale_2)
    left = as_decimal(left, max(whole_1, 1 - scale_1), scale_1, node)
    right = as_decimal(right, max(whole_2, 1 - scale_2), scale_2, node)
    result = Scalar(
        f"({left.sql} {sign} {right.sql})", numeric(whole, scale), constant=left.constant and right.constant
    )
    fitted = as_decimal(replace(result, type=numeric(MAX_DIGITS + 1, 0)), whole, scale, node)
    return replace(
        fitted,
        type=replace(fitted.type, uniform=left.type.uniform and right.type.uniform),
        nullable=left.nullable or right.nullable,
    )


def _negative(scope: Scope, node: Node) -> Scalar:
    value = _number(scope, node.this)
    if value.type.kind is Kind.NUMERIC:
        return replace(value, sql=f"(- {value.sql})", type=replace(value.type, pg="numeric"))
    if fits(value.bound, value.type):
        return replace(value, sql=f"(- {value.sql})")
    return _from_zero(scope, value, node)


def _from_zero(scope: Scope, value: Scalar, node: Node) -> Scalar:
    sql = f"try_subtract(CAST(0 AS {value.type.spark}), {value.sql})"
    _guard_integer(scope, sql, [value], value.type, node)
    return replace(value, sql=sql, bound=_largest(value.type))


def _abs(scope: Scope, node: Node) -> Scalar:
    value = _number(scope, node.this)
    if value.type.kind is Kind.NUMERIC:
        return replace(value, sql=f"abs({value.sql})", type=replace(value.type, pg="numeric"))
    if fits(value.bound, value.type):
        return replace(value, sql=f"abs({value.sql})")
    negated = _from_zero(scope, value, node)
    return replace(negated, sql=f"CASE WHEN {value.sql} < 0 THEN {negated.sql} ELSE {value.sql} END")


def _guard_integer(scope: Scope, sql: str, operands: list[Scalar], kind: Type, node: Node) -> None:
    present = [f"{operand.sql} IS NOT NULL" for operand in operands]
    scope.guards.add(" AND ".join([*present, f"{sql} IS NULL"]), f"{kind.pg} out of range", node)


def _largest(kind: Type) -> int:
    """The magnitude of the type's smallest value."""
    return {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}[kind.pg]


def _round(scope: Scope, node: Node) -> Scalar:
    places = 0
    if (given := node.args.get("decimals")) is not None:
        number = scope.scalar(given)
        if number.type is not INTEGER or not number.sql.isdigit() or int(number.sql) > MAX_DIGITS:
            raise Refused("round to anything but a literal number of digits", "write round(x, 2)", at=node)
        places = int(number.sql)
    value = scope.scalar(node.this)
    if value.type.kind is Kind.OPAQUE and value.type.whole:
        # A quotient of ours: its text has every digit PostgreSQL computes.
        kind = numeric(value.type.whole + 1, places)
        return replace(value, sql=f"CAST({value.sql} AS {kind.spark})", type=kind)
    value = _exact_numeric(scope, node, "round")
    whole = value.type.whole + (1 if places < value.type.scale else 0)
    if whole + places > MAX_DIGITS:
        raise Refused(f"the result may need {whole + places} digits", "round to fewer digits", at=node)
    kind = numeric(whole, places)
    kept = value.sql if places >= value.type.scale else f"round({value.sql}, {places})"
    return replace(value, sql=f"CAST({kept} AS {kind.spark})", type=kind)


def _to_whole(function: str) -> Callable[[Scope, Node], Scalar]:
    def handler(scope: Scope, node: Node) -> Scalar:
        if node.args.get("decimals") is not None or node.args.get("to") is not None:
            raise Refused(f"{function} with a second argument", f"write {function}(x)", at=node)
        value = _exact_numeric(scope, node, function)
        kind = numeric(min(value.type.whole + 1, MAX_DIGITS), 0)
        return replace(value, sql=f"CAST({function}({value.sql}) AS {kind.spark})", type=kind)

    return handler


def _sign(scope: Scope, node: Node) -> Scalar:
    value = _exact_numeric(scope, node, "sign")
    kind = numeric(1, 0)
    cases = f"WHEN {value.sql} > 0 THEN 1 WHEN {value.sql} < 0 THEN -1 WHEN {value.sql} = 0 THEN 0"
    return replace(value, sql=f"CAST(CASE {cases} END AS {kind.spark})", type=kind)


def _exact_numeric(scope: Scope, node: Node, function: str) -> Scalar:
    value = _number(scope, node.this)
    if value.type.kind is not Kind.NUMERIC:
        raise Refused(f"{function}: {_NO_ROUNDING}", "leave it out, or CAST to numeric first", at=node)
    return value


def _extreme(function: str) -> Callable[[Scope, Node], Scalar]:
    def handler(scope: Scope, node: Node) -> Scalar:
        parts = [node.this, *node.expressions]
        values = [scope.scalar(part) for part in parts]
        kind = common(values, f"the arguments of {function}", node)
        if kind.kind not in _NUMBERS | {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
            raise Refused(f"{function} of {kind.pg}", "numbers and dates can be ordered exactly", at=node)
        found = [convert(value, kind, part) for value, part in zip(values, parts, strict=True)]
        if len(found) == 1:
            return found[0]
        return replace(
            found[0],
            sql=f"{function}({', '.join(value.sql for value in found)})",
            nullable=all(value.nullable for value in found),
            bound=max(value.bound for value in found),
            constant=False,
        )

    return handler


HANDLERS: dict[type[Node], Callable[[Scope, Node], Scalar]] = {
    **dict.fromkeys(_OPERATORS, _arithmetic),
    exp.Neg: _negative,
    exp.Abs: _abs,
    exp.Round: _round,
    exp.Floor: _to_whole("floor"),
    exp.Ceil: _to_whole("ceil"),
    exp.Sign: _sign,
    exp.Greatest: _extreme("greatest"),
    exp.Least: _extreme("least"),
}
