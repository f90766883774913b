"""Which columns a WHERE clause leaves without NULLs, so that nobody needs to ask again; pure."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.contract import TableContract
from headrace.hops.serve.dialect import Names

_STRICT = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Like,
    exp.ILike,
    exp.Between,
)


def known_not_null(where: Node, contract: TableContract) -> frozenset[str]:
    """Nullable columns that are not NULL in any row for which `where` is true."""
    return _known(where, Names(contract), True)


def _known(node: Node, names: Names, wanted: bool) -> frozenset[str]:
    if isinstance(node, exp.Paren):
        return _known(node.this, names, wanted)
    if isinstance(node, exp.Not):
        return _known(node.this, names, not wanted)
    if isinstance(node, exp.And | exp.Or):
        one, other = _known(node.left, names, wanted), _known(node.right, names, wanted)
        return one | other if isinstance(node, exp.And) is wanted else one & other
    if isinstance(node, exp.Is):
        is_null_test = isinstance(node.expression, exp.Null)
        return _columns(node.this, names) if is_null_test and not wanted else frozenset()
    if isinstance(node, exp.In):
        return _columns(node.this, names)
    if isinstance(node, (exp.Column, *_STRICT)):
        return _columns(node, names)
    return frozenset()


def _columns(node: Node, names: Names) -> frozenset[str]:
    """The nullable columns that make the whole expression NULL; none when it has a CASE or COALESCE in it."""
    if node.find(exp.Case, exp.Coalesce, exp.If, exp.Is, exp.Nullif) is not None:
        return frozenset()
    return frozenset(column.name for column in node.find_all(exp.Column) if names.nullable(column.name))
