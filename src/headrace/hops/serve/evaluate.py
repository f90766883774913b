"""Expressions over aggregates and group keys, computed here with PostgreSQL's rules; pure.

Pinot would compute them in doubles and without NULL.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.errors import HeadraceError
from headrace.hops.serve import literals, numeric
from headrace.hops.serve.dialect import Kind, literal, unsupported
from headrace.hops.serve.numeric import Number

Known = Mapping[str, object]

_COMPARE: dict[type[Node], Callable[[Any, Any], bool]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}
_ARITHMETIC: dict[type[Node], Callable[[Number, Number], Number]] = {
    exp.Add: numeric.add,
    exp.Sub: numeric.subtract,
    exp.Mul: numeric.multiply,
    exp.Div: numeric.divide,
}


def key_of(node: Node) -> str:
    """The spelling under which a known value is found."""
    return node.sql(dialect="postgres")


def value(node: Node, known: Known) -> object:
    """The value of an expression; None is NULL, and unknown for conditions."""
    found = known.get(key_of(node), known)
    if found is not known:
        return found
    if isinstance(node, exp.Paren):
        return value(node.this, known)
    constant = literal(node)
    if constant is not None:
        return _constant(constant.kind, constant.sql)
    if type(node) in _ARITHMETIC and isinstance(node, exp.Binary):
        return _arithmetic(node, known)
    if type(node) in _COMPARE and isinstance(node, exp.Binary):
        return _comparison(_COMPARE[type(node)], value(node.left, known), value(node.right, known))
    if isinstance(node, exp.And | exp.Or | exp.Not):
        return _logic(node, known)
    return _other(node, known)


def _other(node: Node, known: Known) -> object:
    if isinstance(node, exp.Neg):
        inner = value(node.this, known)
        return None if inner is None else numeric.multiply(_number(inner), -1)
    if isinstance(node, exp.Is):
        return _is(node, known)
    if isinstance(node, exp.Between):
        low = _comparison(operator.ge, value(node.this, known), value(node.args["low"], known))
        high = _comparison(operator.le, value(node.this, known), value(node.args["high"], known))
        return _and(low, high)
    if isinstance(node, exp.In) and node.expressions:
        return _membership(node, known)
    if isinstance(node, exp.Coalesce):
        options = (value(option, known) for option in [node.this, *node.expressions])
        return next((option for option in options if option is not None), None)
    if isinstance(node, exp.Nullif):
        one, other = value(node.this, known), value(node.expression, known)
        return None if _comparison(operator.eq, one, other) is True else one
    if isinstance(node, exp.Round):
        return _round(node, known)
    if isinstance(node, exp.Abs):
        inner = value(node.this, known)
        return None if inner is None else abs(_number(inner))
    if isinstance(node, exp.Case) and node.this is None:
        return _case(node, known)
    if isinstance(node, exp.Cast):
        return _cast(node, known)
    if isinstance(node, exp.Column):
        raise HeadraceError(
            "query-syntax",
            f"column `{node.name}` must stand in GROUP BY or in an aggregate",
            hint="add it to GROUP BY",
        )
    raise unsupported(f"`{node.key}` around aggregates")


def _constant(kind: Kind, text: str) -> object:
    if kind is Kind.UNKNOWN:
        return None
    if kind is Kind.INTEGER:
        return int(text)
    if kind is Kind.DECIMAL:
        return Decimal(text)
    if kind is Kind.DOUBLE:
        return float(text)
    return text == "true" if kind is Kind.BOOLEAN else text


def _arithmetic(node: exp.Binary, known: Known) -> object:
    one, other = value(node.left, known), value(node.right, known)
    if one is None or other is None:
        return None
    try:
        return _ARITHMETIC[type(node)](_number(one), _number(other))
    except ZeroDivisionError:
        raise HeadraceError("query-division-by-zero", "division by zero", hint="use NULLIF(x, 0)") from None


def _number(found: object) -> Number:
    if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
        raise unsupported("arithmetic on what is no number")
    return found


def _comparison(compare: Callable[[Any, Any], bool], one: object, other: object) -> bool | None:
    if one is None or other is None:
        return None
    left, right = _alike(one, other), _alike(other, one)
    try:
        return compare(left, right)
    except TypeError:
        raise unsupported("a comparison of different types after the aggregation") from None


def _alike(one: object, other: object) -> object:
    """A text constant takes the type of what it is compared with; beside a double every number is one."""
    if isinstance(other, float) and isinstance(one, int | Decimal) and not isinstance(one, bool):
        return float(one)
    if isinstance(one, str) and isinstance(other, int | Decimal) and not isinstance(other, bool):
        return Decimal(literals.number(one))
    if isinstance(one, str) and isinstance(other, float):
        return float(one)
    if isinstance(one, str) and hasattr(other, "isoformat"):
        try:
            return type(other).fromisoformat(one)  # type: ignore[attr-defined]
        except ValueError:
            raise unsupported(f"a comparison with {one!r} after the aggregation") from None
    return one


def _logic(node: Node, known: Known) -> bool | None:
    if isinstance(node, exp.Not):
        inner = value(node.this, known)
        return None if inner is None else not inner
    one, other = value(node.this, known), value(node.expression, known)
    if isinstance(node, exp.And):
        return _and(one, other)
    inverse = _and(_not(one), _not(other))
    return _not(inverse)


def _not(found: object) -> bool | None:
    return None if found is None else not found


def _and(one: object, other: object) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _is(node: exp.Is, known: Known) -> bool:
    inner = value(node.this, known)
    if isinstance(node.expression, exp.Null):
        return inner is None
    if isinstance(node.expression, exp.Boolean):
        return inner is bool(node.expression.this)
    raise unsupported("this form of IS")


def _membership(node: exp.In, known: Known) -> bool | None:
    one = value(node.this, known)
    found = [_comparison(operator.eq, one, value(option, known)) for option in node.expressions]
    if True in found:
        return True
    return None if None in found else False


def _round(node: exp.Round, known: Known) -> object:
    inner = value(node.this, known)
    places = node.args.get("decimals")
    scale = value(places, known) if places is not None else 0
    if inner is None or not isinstance(scale, int):
        return None
    return numeric.rounded(_number(inner), scale)


def _case(node: exp.Case, known: Known) -> object:
    for branch in node.args["ifs"]:
        if value(branch.this, known) is True:
            return value(branch.args["true"], known)
    default = node.args.get("default")
    return None if default is None else value(default, known)


def _cast(node: exp.Cast, known: Known) -> object:
    inner = value(node.this, known)
    target = node.to.this
    if inner is None:
        return None
    if target in {exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT}:
        return float(_number(inner))
    if target is exp.DataType.Type.DECIMAL:
        exact = Decimal(str(_number(inner)))
        places = [int(str(part.this)) for part in node.to.expressions]
        return numeric.rounded(exact, places[1] if len(places) > 1 else 0) if places else exact
    if target in {exp.DataType.Type.INT, exp.DataType.Type.BIGINT}:
        return int(numeric.rounded(Decimal(str(_number(inner))), 0))
    raise unsupported("this cast after the aggregation")
