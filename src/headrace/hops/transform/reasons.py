"""The constructs that are refused, each with its own reason, remedy and the class of views it would need."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.transform.refusal import Refused


@dataclass(frozen=True)
class Reason:
    """Why, what instead, and the class of views (of a later version) that would take it."""

    reason: str
    hint: str
    needs: str | None = None


_CLOCK = Reason(
    "the clock is not part of the rows: the result would change without a change in the table",
    "keep the instant as a column and compare it when you query",
)
_CHANCE = Reason("its value differs from call to call", "store it in the table")
_DIVISION = Reason(
    "division is not taken: the digits of its result depend on the values",
    "divide when you query: keep sum and count; avg(x) is taken",
)
_MODULO = Reason("% and mod are not taken", "store the remainder in the table")
_CASE_MAPPING = Reason(
    "upper and lower case depend on the database's locale, which Spark does not have",
    "store the text in the case you need",
)
_EXTREME = Reason(
    "min and max cannot be taken back: after a delete the next one is not known",
    "ask the base table for it",
    "history of each group",
)
_SPREAD = Reason(
    "this aggregate is computed in double precision or keeps every value",
    "count, sum and avg are taken",
    "history of each group",
)
_REGULAR = Reason(
    "regular expressions differ between PostgreSQL and Spark", "use = , IN or LIKE with a literal pattern"
)
_SUBQUERY = Reason(
    "a subquery reads other rows than the one at hand", "put what it finds into the table", "joins"
)
_WINDOW = Reason(
    "a window function: one change would change the results of many other rows",
    "GROUP BY, or ask the base table",
    "history of each group",
)

_NODES: dict[type[Node], Reason] = {
    exp.Div: _DIVISION,
    exp.IntDiv: _DIVISION,
    exp.Mod: _MODULO,
    exp.Pow: Reason("powers are double precision or of any length", "multiply"),
    exp.CurrentTimestamp: _CLOCK,
    exp.CurrentDate: _CLOCK,
    exp.CurrentTime: _CLOCK,
    exp.Localtimestamp: _CLOCK,
    exp.Rand: _CHANCE,
    exp.Uuid: _CHANCE,
    exp.Subquery: _SUBQUERY,
    exp.Select: _SUBQUERY,
    exp.Exists: _SUBQUERY,
    exp.Any: _SUBQUERY,
    exp.All: _SUBQUERY,
    exp.Window: _WINDOW,
    exp.Min: _EXTREME,
    exp.Max: _EXTREME,
    exp.Distinct: Reason(
        "DISTINCT in an aggregate keeps every value of a group",
        "count rows, or GROUP BY the value",
        "distinct values of each group",
    ),
    exp.Lower: _CASE_MAPPING,
    exp.Upper: _CASE_MAPPING,
    exp.Initcap: _CASE_MAPPING,
    exp.ILike: Reason("ILIKE depends on the database's locale", "LIKE with a literal pattern is taken"),
    exp.RegexpLike: _REGULAR,
    exp.RegexpILike: _REGULAR,
    exp.SimilarTo: _REGULAR,
    exp.Escape: Reason("LIKE with ESCAPE is not taken", "leave ESCAPE out, and backslashes too"),
    exp.Concat: Reason(
        "concat() prints every type as PostgreSQL does", "use || on text, with COALESCE for NULL"
    ),
    exp.Interval: Reason("arithmetic with intervals is not taken", "compare with a literal instant"),
    exp.Star: Reason("* names other columns tomorrow than today, and excluded ones too", "list the columns"),
    exp.Array: Reason("arrays are not taken", "leave them out"),
    exp.Parameter: Reason("a view has no parameters", "write the value out"),
    exp.Placeholder: Reason("a view has no parameters", "write the value out"),
    exp.Collate: Reason("COLLATE is not taken", "compare text with = and <> only"),
    exp.Variance: _SPREAD,
    exp.VariancePop: _SPREAD,
    exp.Stddev: _SPREAD,
    exp.StddevPop: _SPREAD,
    exp.StddevSamp: _SPREAD,
    exp.ArrayAgg: _SPREAD,
    exp.GroupConcat: _SPREAD,
    exp.LogicalAnd: _SPREAD,
    exp.LogicalOr: _SPREAD,
    exp.Quantile: _SPREAD,
    exp.PercentileCont: _SPREAD,
    exp.PercentileDisc: _SPREAD,
}
_NAMES: dict[str, Reason] = {
    **dict.fromkeys(("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"), _CLOCK),
    **dict.fromkeys(("timeofday", "age", "pg_current_snapshot", "txid_current"), _CLOCK),
    **dict.fromkeys(("gen_random_uuid", "nextval", "setseed", "uuidv7", "uuidv4"), _CHANCE),
    "div": _DIVISION,
    "casefold": _CASE_MAPPING,
}

DATE_PART = Reason("date_part gives double precision", "write extract(field FROM x), which is numeric")
"""The parser does not tell date_part from extract, so its name is looked for in the text."""


def refuse(node: Node) -> Refused:
    """Why this construct is not taken."""
    for kind in type(node).__mro__:
        found = _NODES.get(kind)
        if found is not None:
            return Refused(found.reason, found.hint, at=node, needs=found.needs)
    if isinstance(node, exp.AggFunc):
        return Refused(_SPREAD.reason, _SPREAD.hint, at=node, needs=_SPREAD.needs)
    name = _name(node)
    found = _NAMES.get(name)
    if found is not None:
        return Refused(found.reason, found.hint, at=node, needs=found.needs)
    return Refused(
        f"{name}: not known to give the same value in Spark",
        "docs/reference/views.md lists what is taken; compute it in the table, or when you query",
        at=node,
    )


def _name(node: Node) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    if isinstance(node, exp.Func):
        return node.sql_name().lower()
    return type(node).__name__.lower()
