"""Single aggregates: what is asked of Pinot for each and how its answer is read, exactly.

Promise: COUNT, SUM, AVG, MIN and MAX are PostgreSQL's, NULLs and empty input included. Pinot's own SUM, AVG,
MIN and MAX go through doubles, so whole numbers and decimals take SUMPRECISION and LASTWITHTIME instead;
where nothing exact exists (MIN and MAX of decimals) the plan carries a warning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.hops.serve import numeric
from headrace.hops.serve.dialect import INSTANTS, Kind, Scalar, unsupported, with_equality
from headrace.hops.serve.expressions import Expressions, presence
from headrace.hops.serve.operands import may_be_long
from headrace.hops.serve.plan import Items, Read
from headrace.hops.serve.truth import FALSE, TRUE, all_of
from headrace.hops.serve.types import fixed_scale
from headrace.hops.serve.values import decoder, integer, is_no_value

_LONG_MAX, _LONG_MIN = "9223372036854775807", "-9223372036854775807"
_DOUBLE_MAX = "1.7976931348623157E308"

PLAIN = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)
_PASSED_ON = {
    "distinctcounthll",
    "percentiletdigest",
    "percentileest",
    "percentile",
    "mode",
    "distinctcountbitmap",
}


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of the query: how its value is read and which PostgreSQL type it has."""

    read: Read
    pg_type: str


@dataclass
class Aggregates:
    """Collects what the aggregates of one query need in the select list."""

    expressions: Expressions
    items: Items
    warnings: list[str] = field(default_factory=list[str])

    def add(self, node: Node) -> Aggregate:
        """Ask for one aggregate; `query-unsupported` for what Pinot has no exact form of."""
        condition = ""
        if isinstance(node, exp.Filter):
            condition = self.expressions.when.true(node.expression.this)
            node = node.this
        if condition == FALSE:
            counted = isinstance(node, exp.Count)
            return Aggregate(lambda row: 0 if counted else None, "bigint" if counted else "")
        condition = "" if condition == TRUE else condition
        if isinstance(node, exp.Count):
            return self._count(node, condition)
        if not isinstance(node, PLAIN):
            return self._passed_on(node, condition)
        if isinstance(node.this, exp.Distinct):
            raise unsupported(f"{node.key.upper()}(DISTINCT ...)")
        scalar = self.expressions.scalar(node.this)
        if scalar.literal:
            raise unsupported(f"{node.key.upper()} of a constant")
        wanted = all_of([part for part in (condition, presence(scalar)) if part])
        wanted = "" if wanted == TRUE else wanted
        if isinstance(node, exp.Sum):
            return self._sum(scalar, wanted)
        if isinstance(node, exp.Avg):
            return self._avg(scalar, wanted)
        return self._extreme(scalar, wanted, largest=isinstance(node, exp.Max))

    def _rows(self, condition: str) -> Read:
        """How many rows of the group meet the condition."""
        if not condition:
            place = self.items.add("COUNT(*)")
        else:
            place = self.items.add(f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)")
        return lambda row: 0 if is_no_value(row[place]) else integer(row[place])

    def _count(self, node: exp.Count, condition: str) -> Aggregate:
        if isinstance(node.this, exp.Distinct):
            return Aggregate(self._count_distinct(node.this, condition), "bigint")
        if isinstance(node.this, exp.Star) or node.this is None:
            return Aggregate(self._rows(condition), "bigint")
        scalar = self.expressions.scalar(node.this)
        if scalar.is_null:
            return Aggregate(lambda row: 0, "bigint")
        wanted = all_of([part for part in (condition, presence(scalar)) if part])
        return Aggregate(self._rows("" if wanted == TRUE else wanted), "bigint")

    def _count_distinct(self, node: exp.Distinct, condition: str) -> Read:
        """DISTINCTCOUNT counts the default value that stands for NULL: taken off unless a row has it."""
        if len(node.expressions) != 1 or condition:
            raise unsupported("COUNT(DISTINCT ...) of several columns, or with FILTER")
        scalar = self.expressions.scalar(node.expressions[0])
        if scalar.opaque_null or scalar.literal or len(scalar.nulls) > 1:
            raise unsupported("COUNT(DISTINCT ...) of this expression")
        with_equality(scalar)
        if scalar.kind is Kind.DECIMAL and (scalar.column is None or "," not in scalar.pg_type):
            raise unsupported("COUNT(DISTINCT ...) of a numeric without a fixed scale")
        distinct = f"CAST({scalar.sql} AS STRING)" if scalar.kind is Kind.DECIMAL else scalar.read
        if scalar.kind is Kind.INTEGER and scalar.big:
            distinct = f"CAST({scalar.sql} AS LONG)"  # a BIG_DECIMAL counts 2 and 2.0 apart
        place = self.items.add(f"DISTINCTCOUNT({distinct})")
        if not scalar.nulls:
            return lambda row: 0 if is_no_value(row[place]) else integer(row[place])
        if scalar.column is None:
            raise unsupported("COUNT(DISTINCT ...) of an expression that can be NULL")
        here = presence(scalar)
        rows, known = self._rows(""), self._rows(here)
        # A real zero of a decimal prints as 0.00, the default as 0: two texts, the default is always extra.
        never = scalar.kind is Kind.DECIMAL and bool(fixed_scale(scalar.pg_type))
        default = self._rows(f"{here} AND {scalar.sql} = {_default_of(scalar)}")

        def read(row: list[object]) -> object:
            counted = 0 if is_no_value(row[place]) else integer(row[place])
            has_null = integer(rows(row)) > integer(known(row))
            return counted - 1 if has_null and (never or integer(default(row)) == 0) else counted

        return read

    def _sum(self, scalar: Scalar, condition: str) -> Aggregate:
        read, pg_type = self._total(scalar, condition)
        rows = self._rows(condition)
        return Aggregate(lambda row: None if rows(row) == 0 else read(row), pg_type)

    def _avg(self, scalar: Scalar, condition: str) -> Aggregate:
        read, _ = self._total(scalar, condition)
        rows = self._rows(condition)

        def average(row: list[object]) -> object:
            count = rows(row)
            if not isinstance(count, int) or count == 0:
                return None  # Pinot sums no rows to nothing at all
            total = read(row)
            if not isinstance(total, int | float | Decimal):
                return None
            return numeric.divide(total if isinstance(total, float) else Decimal(total), count)

        return Aggregate(average, "double precision" if scalar.kind is Kind.DOUBLE else "numeric")

    def _total(self, scalar: Scalar, condition: str) -> tuple[Read, str]:
        if scalar.kind not in {Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE}:
            raise unsupported(f"SUM or AVG of {scalar.kind}")
        plain = scalar.column is not None and condition in {"", presence(scalar)}
        summed = (
            scalar.sql if plain or not condition else f"CASE WHEN {condition} THEN {scalar.sql} ELSE 0 END"
        )
        if scalar.kind is Kind.DOUBLE:
            place = self.items.add(f"SUM({summed})")
            return lambda row: decoder(Kind.DOUBLE)(row[place]), "double precision"
        place = self.items.add(f"SUMPRECISION({summed})")
        if scalar.kind is Kind.INTEGER and scalar.pg_type != "bigint":
            return lambda row: integer(row[place]), "bigint"
        exact = decoder(Kind.DECIMAL, scalar.pg_type)
        if scalar.kind is Kind.INTEGER:
            return lambda row: Decimal(integer(row[place])), "numeric"
        return lambda row: exact(row[place]), "numeric"

    def _extreme(self, scalar: Scalar, condition: str, *, largest: bool) -> Aggregate:
        rows = self._rows(condition)
        place = self.items.add(self._extreme_sql(scalar, condition, largest=largest))
        kind = scalar.kind
        if kind is Kind.DECIMAL:
            self.warnings.append(
                f"{'MAX' if largest else 'MIN'}({scalar.sql}) goes through a double in Pinot 0.11: "
                "about 15 digits are right"
            )
        read = decoder(kind, scalar.pg_type)
        whole = kind in {Kind.INTEGER, Kind.DATE} or kind in INSTANTS

        def extreme(row: list[object]) -> object:
            if rows(row) == 0:
                return None
            return read(integer(row[place]) if whole else row[place])

        return Aggregate(extreme, scalar.pg_type or kind.value)

    def _extreme_sql(self, scalar: Scalar, condition: str, *, largest: bool) -> str:
        if scalar.kind in {Kind.TEXT, Kind.BYTES, Kind.BOOLEAN, Kind.UNKNOWN}:
            raise unsupported(f"MIN or MAX of {scalar.kind}", "ORDER BY it with LIMIT 1")
        is_long = scalar.kind in INSTANTS or may_be_long(scalar)
        worst = _LONG_MIN if largest else _LONG_MAX
        if not is_long and scalar.kind in {Kind.DOUBLE, Kind.DECIMAL}:
            worst = f"-{_DOUBLE_MAX}" if largest else _DOUBLE_MAX
        value = f"CAST({scalar.read} AS LONG)" if is_long and scalar.big else scalar.read
        compared = f"CASE WHEN {condition} THEN {value} ELSE {worst} END" if condition else value
        if is_long:
            return f"{'LASTWITHTIME' if largest else 'FIRSTWITHTIME'}({compared}, {compared}, 'LONG')"
        return f"{'MAX' if largest else 'MIN'}({compared})"

    def _passed_on(self, node: Node, condition: str) -> Aggregate:
        """Pinot's approximate aggregates, over columns that cannot be NULL."""
        name = str(node.this).lower() if isinstance(node, exp.Anonymous) else node.key.lower()
        if name.replace("_", "") not in _PASSED_ON or condition or not isinstance(node, exp.Anonymous):
            raise unsupported(f"the aggregate {name.upper()}")
        scalar = self.expressions.scalar(node.expressions[0])
        if scalar.nulls or scalar.opaque_null:
            raise unsupported(f"{name.upper()} of a column that can be NULL", "add WHERE ... IS NOT NULL")
        rest = [self.expressions.scalar(argument).sql for argument in node.expressions[1:]]
        place = self.items.add(f"{name.upper()}({', '.join([scalar.sql, *rest])})")
        self.warnings.append(f"{name.upper()} is Pinot's own, approximate by nature")
        return Aggregate(lambda row: row[place], "double precision")


def is_aggregate(node: Node) -> bool:
    """Whether a node is an aggregate of ours or of Pinot's."""
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower().replace("_", "") in _PASSED_ON
    return isinstance(node, exp.AggFunc | exp.Filter)


def _default_of(scalar: Scalar) -> str:
    if scalar.kind in {Kind.TEXT, Kind.BYTES}:
        return "''"
    return "false" if scalar.kind is Kind.BOOLEAN else "0"
