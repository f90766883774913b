"""SQL's three-valued logic on a server that has two values; pure.

Promise: `true(e)` is a Pinot condition that holds exactly for the rows where PostgreSQL finds `e` true, and
`false(e)` where it finds it false; unknown is neither. NOT is pushed down to the single comparisons and each
comparison asks `IS NOT NULL` of the nullable columns in it, because Pinot 0.11.0 compares the default value
it keeps in place of NULL, and does so differently with and without an index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.serve.bounds import Folded, around_zero, fold
from headrace.hops.serve.dialect import (
    INSTANTS,
    NUMBERS,
    Kind,
    Scalar,
    as_text,
    coerce,
    comparable,
    mark,
    present,
    present_in_case,
    quote,
    text,
    unsupported,
)
from headrace.hops.serve.literals import number
from headrace.hops.serve.operands import compared_in_case, is_long, plain_double, two_compared_in_case
from headrace.hops.serve.texts import is_padded
from headrace.hops.serve.types import fixed_scale

TRUE, FALSE = "1 = 1", "1 = 0"
"""Constants of `true` and `false`, folded away before anything is sent."""

_OPERATORS: dict[type[Node], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_NEGATED = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def all_of(parts: list[str]) -> str:
    """Conjunction with the constants folded."""
    kept = [part for part in parts if part not in {TRUE, ""}]
    if FALSE in kept:
        return FALSE
    if not kept:
        return TRUE
    return kept[0] if len(kept) == 1 else "(" + " AND ".join(kept) + ")"


def any_of(parts: list[str]) -> str:
    """Disjunction with the constants folded."""
    kept = [part for part in parts if part != FALSE]
    if TRUE in kept:
        return TRUE
    if not kept:
        return FALSE
    return kept[0] if len(kept) == 1 else "(" + " OR ".join(kept) + ")"


@dataclass(frozen=True)
class Conditions:
    """Renders conditions.

    Attributes:
        scalar: renders what stands inside comparisons.
        inside_case: the condition goes into CASE, where Pinot knows fewer forms than in WHERE.
    """

    scalar: Callable[[Node], Scalar]
    inside_case: bool = False

    def true(self, node: Node) -> str:
        """Holds exactly where `node` is true."""
        return self._render(node, True)

    def false(self, node: Node) -> str:
        """Holds exactly where `node` is false."""
        return self._render(node, False)

    def _present(self, columns: frozenset[str]) -> str:
        return present_in_case(columns) if self.inside_case else present(columns)

    def _null(self, name: str) -> str:
        return f"{mark(name)} = 1" if self.inside_case else f"{quote(name)} IS NULL"

    def _render(self, node: Node, wanted: bool) -> str:
        if isinstance(node, exp.Paren):
            return self._render(node.this, wanted)
        if isinstance(node, exp.Not):
            return self._render(node.this, not wanted)
        if isinstance(node, exp.And | exp.Or):
            parts = [self._render(node.left, wanted), self._render(node.right, wanted)]
            return all_of(parts) if isinstance(node, exp.And) is wanted else any_of(parts)
        if isinstance(node, exp.Boolean):
            return TRUE if bool(node.this) is wanted else FALSE
        if isinstance(node, exp.Null):
            return FALSE
        return self._atom(node, wanted)

    def _atom(self, node: Node, wanted: bool) -> str:
        operator = _OPERATORS.get(type(node))
        if operator is not None and isinstance(node, exp.Binary):
            return self._comparison(node.left, operator, node.right, wanted)
        if isinstance(node, exp.Between):
            low = self._comparison(node.this, ">=", node.args["low"], wanted)
            high = self._comparison(node.this, "<=", node.args["high"], wanted)
            return all_of([low, high]) if wanted else any_of([low, high])
        if isinstance(node, exp.In):
            return self._membership(node, wanted)
        if isinstance(node, exp.Like | exp.ILike):
            return self._like(node, wanted)
        if isinstance(node, exp.Is):
            return self._is(node, wanted)
        if isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
            return self._distinct(node, isinstance(node, exp.NullSafeEQ) is wanted)
        if isinstance(node, exp.Column):
            return self._comparison(node, "=", exp.Boolean(this=True), wanted)
        if isinstance(node, exp.RegexpLike | exp.RegexpILike):
            raise unsupported("a regular expression", "LIKE works: name LIKE 'A%' for name ~ '^A'")
        if isinstance(node, exp.Anonymous):
            raise unsupported(f"the condition {str(node.this).upper()}")
        raise unsupported(f"the condition `{node.key}`")

    def _comparison(self, left: Node, operator: str, right: Node, wanted: bool) -> str:
        if not wanted:
            operator = _NEGATED[operator]
        one, other = self.scalar(left), self.scalar(right)
        if one.is_null or other.is_null:
            return FALSE
        if one.literal and other.literal:
            raise unsupported("a comparison of two constants")
        if one.literal:
            one, other, operator = other, one, _MIRRORED[operator]
        if one.opaque_null or other.opaque_null:
            raise unsupported("a comparison with a CASE that can be NULL", "give the CASE an ELSE")
        _same_world(one, other)
        return all_of([self._compare(one, operator, other), self._present(one.nulls | other.nulls)])

    def _compare(self, one: Scalar, operator: str, other: Scalar) -> str:
        comparable(one, operator, other)
        if not other.literal:
            return self._two_columns(one, operator, other)
        right = coerce(other, one)
        if one.column is not None:
            folded = _folded(one, operator, right, other)
            if isinstance(folded, bool):
                return TRUE if folded else FALSE
            operator, right = folded
        if one.kind not in NUMBERS:
            return f"{one.sql} {operator} {right}"
        if not self.inside_case and _fits_where(one, right):
            zero = _near_zero(one, operator, right)
            shown = plain_double(right) if one.kind is Kind.DOUBLE else right
            return zero if zero is not None else f"{one.sql} {operator} {shown}"
        return self._cased(compared_in_case(one, operator, right.strip("'")))

    def _two_columns(self, one: Scalar, operator: str, other: Scalar) -> str:
        """Two expressions: WHERE would subtract them as doubles, CASE compares them as they are."""
        if one.kind in NUMBERS:
            return self._cased(two_compared_in_case(one, operator, other))
        plain = f"{one.sql} {operator} {other.sql}"
        return self._cased(plain) if one.kind in INSTANTS else plain

    def _cased(self, condition: str) -> str:
        return condition if self.inside_case else f"(CASE WHEN {condition} THEN 1 ELSE 0 END) = 1"

    def _membership(self, node: exp.In, wanted: bool) -> str:
        if node.args.get("query") is not None or not node.expressions:
            raise unsupported("IN with a subquery")
        one = self.scalar(node.this)
        if one.opaque_null or one.literal:
            raise unsupported("IN on this expression")
        options = [self.scalar(option) for option in node.expressions]
        if any(not option.literal for option in options):
            raise unsupported("IN with anything but constants")
        if not wanted and any(option.is_null for option in options):
            return FALSE
        sign = "=" if wanted else "<>"
        each = [self._compare(one, sign, option) for option in options if not option.is_null]
        found = any_of(each) if wanted else all_of(each)
        return all_of([found, self._present(one.nulls)])

    def _like(self, node: Node, wanted: bool) -> str:
        one, pattern = self.scalar(node.this), self.scalar(node.expression)
        if pattern.is_null:
            return FALSE
        if self.inside_case or isinstance(node, exp.ILike):
            raise unsupported("ILIKE, or LIKE inside CASE", "LIKE in WHERE works")
        if one.kind is not Kind.TEXT or one.column is None or not pattern.literal:
            raise unsupported("LIKE on anything but a text column and a constant")
        if not is_padded(one.column):  # LIKE sees the blanks of a char(n), which are stored
            as_text(one)
        like = f"REGEXP_LIKE({one.sql}, {text(like_pattern(pattern.sql))})"
        return all_of([like if wanted else f"NOT ({like})", self._present(one.nulls)])

    def _is(self, node: exp.Is, wanted: bool) -> str:
        target = node.expression
        if isinstance(target, exp.Null):
            one = self.scalar(node.this)
            if one.literal:
                return TRUE if one.is_null is wanted else FALSE
            if one.opaque_null:
                raise unsupported("IS NULL of a CASE")
            if not wanted:
                return self._present(one.nulls) or TRUE
            return any_of([self._null(name) for name in sorted(one.nulls)])
        if isinstance(target, exp.Boolean):
            held = self._render(node.this, bool(target.this))
            return held if wanted else self._not_held(node.this, bool(target.this))
        raise unsupported("this form of IS")

    def _not_held(self, node: Node, value: bool) -> str:
        """`NOT (node IS TRUE)`: the other truth value, or unknown."""
        one = self.scalar(node)
        if one.column is None:
            raise unsupported("IS NOT TRUE and IS NOT FALSE on anything but a column")
        return any_of([self._render(node, not value), *(self._null(name) for name in one.nulls)])

    def _distinct(self, node: Node, same: bool) -> str:
        one, other = self.scalar(node.this), self.scalar(node.expression)
        if one.literal:
            one, other = other, one
        if one.column is None or not other.literal:
            raise unsupported("IS DISTINCT FROM on anything but a column and a constant")
        null = any_of([self._null(name) for name in one.nulls])
        if other.is_null:
            return null if same else (self._present(one.nulls) or TRUE)
        found = self._compare(one, "=" if same else "<>", other)
        held = all_of([found, self._present(one.nulls)])
        return held if same else any_of([held, null])


def like_pattern(pattern: str) -> str:
    """PostgreSQL's LIKE pattern (`%`, `_`, backslash escapes) as a whole-text regular expression."""
    out, escaped = ["(?-iu)^"], False
    for letter in pattern:
        if escaped:
            out.append(_regex_letter(letter))
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == "%":
            out.append("(?s:.*)")
        elif letter == "_":
            out.append("(?s:.)")
        else:
            out.append(_regex_letter(letter))
    return "".join([*out, "\\z"])


def _folded(one: Scalar, operator: str, right: str, other: Scalar) -> Folded:
    """A comparison with a constant in values the column can hold."""
    if one.column is None or one.kind not in NUMBERS:
        return operator, right
    folded = fold(one.column.conversion, operator, number(other.sql), fixed_scale(one.pg_type))
    if one.kind is not Kind.DECIMAL or isinstance(folded, bool):
        return folded
    return folded[0], text(folded[1])


def _fits_where(one: Scalar, right: str) -> bool:
    """Whether WHERE compares it exactly: a column, or what Pinot does not compute as BIG_DECIMAL."""
    if one.column is not None:
        return True
    return not one.big and (one.kind is Kind.DOUBLE or is_long(right.strip("'")))


def _near_zero(one: Scalar, operator: str, right: str) -> str | None:
    """A stored decimal compared with zero, None for anything else."""
    scale = fixed_scale(one.pg_type)
    if one.kind is not Kind.DECIMAL or scale is None or Decimal(right.strip("'")) != 0:
        return None
    parts = [f"{one.sql} {part}" for part in around_zero(operator, scale)]
    return any_of(parts) if operator == "<>" else all_of(parts)


def _regex_letter(letter: str) -> str:
    return "\\" + letter if letter in r"\^$.|?*+()[]{}" else letter


def _same_world(one: Scalar, other: Scalar) -> None:
    """Two columns must be comparable as they are stored."""
    if other.literal or one.kind is other.kind or (one.kind in NUMBERS and other.kind in NUMBERS):
        return
    if one.kind in INSTANTS and other.kind in INSTANTS:
        return
    raise unsupported(f"a comparison of {one.kind} with {other.kind}")
