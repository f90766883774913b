"""CAST between whole numbers, numeric, text, dates and instants, where both sides agree on every value."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform import instants, literals
from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Scalar, digits_of, fits, widened
from headrace.hops.transform.scope import Scope, require_computable
from headrace.hops.transform.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    INTEGER,
    MAX_DIGITS,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_TZ,
    UUID,
    Kind,
    Type,
    numeric,
)

_TARGETS: dict[exp.DType, Type] = {
    exp.DType.SMALLINT: SMALLINT,
    exp.DType.INT: INTEGER,
    exp.DType.BIGINT: BIGINT,
    exp.DType.TEXT: TEXT,
    exp.DType.BOOLEAN: BOOLEAN,
    exp.DType.DATE: DATE,
    exp.DType.TIMESTAMP: TIMESTAMP,
    exp.DType.TIMESTAMPTZ: TIMESTAMP_TZ,
    exp.DType.UUID: UUID,
}
_HINT = "CAST to smallint, integer, bigint, numeric(p,s), text, boolean, date, timestamp or timestamptz"


def cast(scope: Scope, node: Node) -> Scalar:
    """One CAST or `::`."""
    if node.args.get("format") is not None or node.args.get("action") is not None:
        raise Refused("this form of CAST is not taken", _HINT, at=node)
    target = _target(node)
    value = scope.scalar(node.this)
    if value.type.kind is Kind.UNKNOWN:
        return _literal(value, target, node)
    if value.type.kind is Kind.OPAQUE and value.type.pg.startswith("numeric") and target is not None:
        return (
            _to_numeric(scope, value, target, node)
            if target.kind is Kind.NUMERIC
            else _refuse(value, target, node)
        )
    require_computable(value, node)
    if target is None:  # numeric without digits
        if value.type.kind is Kind.NUMERIC:
            return replace(value, type=replace(value.type, pg="numeric"))
        whole = digits_of(value)[0] if value.type.kind is Kind.INTEGER else 0
        return _to_numeric(scope, value, numeric(whole or 1, 0), node)
    if target.kind is Kind.NUMERIC:
        return _to_numeric(scope, value, target, node)
    if target.kind is Kind.INTEGER:
        return _to_integer(scope, value, target, node)
    if target.kind is Kind.TEXT:
        return _to_text(value, target, node)
    return _to_instant(value, target, node)


def _target(node: Node) -> Type | None:
    wanted = node.args["to"]
    if wanted.args.get("nested") or not isinstance(wanted.this, exp.DType):
        raise Refused("CAST to this type is not taken", _HINT, at=node)
    parameters = [str(one.name) for one in wanted.expressions]
    if wanted.this is exp.DType.DECIMAL:
        if not parameters:
            return None
        numbers = [int(one) for one in parameters if one.isdigit()]
        precision, scale = (*numbers, 0)[:2] if numbers else (0, 0)
        if len(numbers) != len(parameters) or not 1 <= precision <= MAX_DIGITS or scale > precision:
            raise Refused(
                f"numeric of more than {MAX_DIGITS} digits, or of an odd scale",
                "CAST to numeric(p,s), s ≤ p ≤ 38",
                at=node,
            )
        return numeric(precision - scale, scale, pg=f"numeric({precision},{scale})")
    found = _TARGETS.get(wanted.this)
    if found is None or parameters:
        raise Refused("CAST to this type is not taken", _HINT, at=node)
    return found


def _literal(value: Scalar, target: Type | None, node: Node) -> Scalar:
    if target is None:
        raise Refused("CAST of a literal to numeric without digits", "leave quotes and CAST out", at=node)
    found = literals.typed(value, target, node)
    if found.type.kind is Kind.NUMERIC:
        if found.type.scale > target.scale or found.type.whole > target.whole:
            raise Refused("the literal has more digits than the type", "write a literal that fits", at=node)
        return replace(found, sql=f"CAST({found.sql} AS {target.spark})", type=target)
    return found


def _to_numeric(scope: Scope, value: Scalar, target: Type, node: Node) -> Scalar:
    opaque = value.type.kind is Kind.OPAQUE
    if not opaque and value.type.kind not in (Kind.INTEGER, Kind.NUMERIC):
        return _refuse(value, target, node)
    whole, scale = (MAX_DIGITS, MAX_DIGITS) if opaque else digits_of(value)
    if opaque and value.type.whole:
        whole = value.type.whole
    rounded = whole + (1 if scale > target.scale else 0)
    if rounded <= target.whole:
        return replace(value, sql=f"CAST({value.sql} AS {target.spark})", type=target)
    sql = f"try_cast({value.sql} AS {target.spark})"
    scope.guards.add(f"{value.sql} IS NOT NULL AND {sql} IS NULL", f"out of range of {target.pg}", node)
    return replace(value, sql=sql, type=target)


def _to_integer(scope: Scope, value: Scalar, target: Type, node: Node) -> Scalar:
    if value.type.kind is Kind.INTEGER:
        if fits(value.bound, target):
            return widened(value, target)
        source, bound = value.sql, value.bound
    elif value.type.kind is Kind.NUMERIC:
        # PostgreSQL rounds half away from zero, Spark's cast cuts off.
        kind = numeric(min(MAX_DIGITS, value.type.whole + 1), 0)
        source, bound = f"CAST(round({value.sql}, 0) AS {kind.spark})", 10**kind.whole
    else:
        return _refuse(value, target, node)
    if fits(bound, target):
        return replace(value, sql=f"CAST({source} AS {target.spark})", type=target, bound=bound)
    sql = f"try_cast({source} AS {target.spark})"
    scope.guards.add(f"{value.sql} IS NOT NULL AND {sql} IS NULL", f"{target.pg} out of range", node)
    largest = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}[target.pg]
    return replace(value, sql=sql, type=target, bound=min(bound, largest))


def _to_text(value: Scalar, target: Type, node: Node) -> Scalar:
    if value.type.kind in (Kind.TEXT, Kind.UUID, Kind.ENUM):
        return replace(value, type=target)
    plain = value.type.kind is Kind.NUMERIC and value.type.uniform
    if plain or value.type.kind in (Kind.INTEGER, Kind.BOOLEAN):
        return replace(value, sql=f"CAST({value.sql} AS STRING)", type=target, bound=0)
    if value.type.kind is Kind.DATE:
        return replace(value, sql=f"CAST(date_from_unix_date({value.sql}) AS STRING)", type=target)
    return _refuse(value, target, node)


def _to_instant(value: Scalar, target: Type, node: Node) -> Scalar:
    kind = value.type.kind
    instants_of = (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)
    if kind is target.kind:
        return replace(value, type=target)
    if target.kind is Kind.DATE and kind in instants_of:
        return instants.as_date(value)
    if target.kind in instants_of and kind is Kind.DATE:
        return instants.as_instant(value, target)
    if target.kind in instants_of and kind in instants_of:
        return replace(value, type=target)
    return _refuse(value, target, node)


def _refuse(value: Scalar, target: Type, node: Node) -> Scalar:
    reason = f"CAST from {value.type.pg} to {target.pg} is not known to be the same in Spark"
    if value.type.kind is Kind.NUMERIC and target.kind is Kind.TEXT:
        reason = "the digits after the point of this numeric differ from value to value"
    raise Refused(reason, "keep the type; or CAST to numeric(p,s) first", at=node)
