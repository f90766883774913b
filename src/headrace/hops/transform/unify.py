"""The one type of several values: CASE, COALESCE and comparisons, as PostgreSQL settles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform import literals
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar, as_decimal, digits_of, widened
from headrace.hops.transform.scope import require_computable
from headrace.hops.transform.types import TEXT, VARCHAR, Kind, Type, numeric, wider

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMERIC})


def common(values: Sequence[Scalar], what: str, at: Node) -> Type:
    """The type all of them get; Refused where PostgreSQL has none, or one that a session decides."""
    for value in values:
        require_computable(value, at)
    known = [value for value in values if value.type.kind is not Kind.UNKNOWN]
    if not known:
        return TEXT
    kinds = {value.type.kind for value in known}
    if kinds <= _NUMBERS:
        return _number(known, len(known) == len(values))
    if len(kinds) > 1:
        raise Refused(
            f"{what} have different types: {', '.join(sorted({value.type.pg for value in known}))}",
            "CAST them to one type",
            at=at,
        )
    names = {value.type.pg for value in known}
    first = known[0].type
    if kinds == {Kind.TEXT}:
        if len(names) == 1 and (len(known) == len(values) or first.pg == "text"):
            return first
        return VARCHAR if all(name.startswith("character varying") for name in names) else TEXT
    if kinds == {Kind.ENUM} and len(names) > 1:
        raise Refused(f"{what} are different enumerations", "CAST them to text", at=at)
    if len(names) > 1 or len(known) < len(values):
        return replace(first, pg=_without_precision(first.pg))
    return first


def _number(known: Sequence[Scalar], all_typed: bool) -> Type:
    if all(value.type.kind is Kind.INTEGER for value in known):
        return reduce(wider, (value.type for value in known))
    digits = [digits_of(value) for value in known]
    whole, scale = max(one for one, _ in digits), max(one for _, one in digits)
    uniform = all(
        value.type.uniform and place == scale for value, (_, place) in zip(known, digits, strict=True)
    )
    names = {value.type.pg for value in known}
    return numeric(
        whole, scale, pg=names.pop() if len(names) == 1 and all_typed else "numeric", uniform=uniform
    )


def _without_precision(pg: str) -> str:
    head, _, rest = pg.partition("(")
    return head.rstrip() + rest.partition(")")[2] if rest else pg


def convert(value: Scalar, kind: Type, at: Node) -> Scalar:
    """The value in the common type."""
    if value.type.kind is Kind.UNKNOWN:
        found = literals.typed(value, kind, at)
        if kind.kind is not Kind.NUMERIC:
            return found
        value = found
    if kind.kind is Kind.NUMERIC:
        whole, scale = digits_of(value)
        fitted = as_decimal(value, max(whole, kind.whole), max(scale, kind.scale), at)
        return replace(fitted, type=replace(fitted.type, pg=kind.pg, uniform=kind.uniform))
    if kind.kind is Kind.INTEGER:
        return widened(value, kind)
    return replace(value, type=kind)
