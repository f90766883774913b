"""Where an expression is looked at: which names it may use, and where what can go wrong is noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform.refusal import Refused
from headrace.hops.transform.scalar import Guards, Scalar
from headrace.hops.transform.types import Kind


@dataclass(frozen=True)
class Scope:
    """One clause of one view.

    Attributes:
        guards: what can go wrong row by row.
        known: asked first for every part: a column, a group's expression, an aggregate; None: neither.
        dispatch: types a part that `known` leaves alone (expressions.scalar).
    """

    guards: Guards
    known: Callable[[Node], Scalar | None]
    dispatch: Callable[[Scope, Node], Scalar]

    def scalar(self, node: Node) -> Scalar:
        """The typed expression; Refused for what is not known to be equal in Spark."""
        found = self.known(node)
        return self.dispatch(self, node) if found is None else found

    def computable(self, node: Node) -> Scalar:
        """The same for an operand: floats and opaque values pass through, nothing is computed with them."""
        found = self.scalar(node)
        require_computable(found, node)
        return found


def require_computable(found: Scalar, at: Node) -> None:
    """Refuse floats and opaque types as operands, each for its reason."""
    if found.type.kind is Kind.FLOAT:
        raise Refused(
            f"{found.type.pg} is only passed through: its arithmetic and comparisons are not exact",
            "select the bare column, or make it numeric(p,s) in the table",
            at=at,
        )
    if found.type.kind is not Kind.OPAQUE:
        return
    if found.type.pg.startswith("numeric"):
        raise Refused(
            f"a {found.type.pg} of unlimited digits is only passed through",
            "say how many digits there are: CAST(x AS numeric(18,2))",
            at=at,
        )
    raise Refused(
        f"values of {found.type.pg} are only passed through: their comparison is PostgreSQL's own",
        "select the bare column, or ask it for IS NULL",
        at=at,
    )
