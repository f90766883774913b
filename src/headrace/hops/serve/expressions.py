"""Scalar expressions of a query, node by node; pure. Conditions inside CASE go to `truth`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.contract import Conversion
from headrace.hops.serve.dialect import (
    INSTANTS,
    NUMBERS,
    Kind,
    Names,
    Scalar,
    as_text,
    constant_sql,
    literal,
    mark,
    present_in_case,
    quote,
    text,
    unsupported,
)
from headrace.hops.serve.literals import number
from headrace.hops.serve.operands import NEVER, as_double, big_decimal, exact
from headrace.hops.serve.texts import is_padded
from headrace.hops.serve.truth import FALSE, TRUE, Conditions, all_of

_ARITHMETIC: dict[type[Node], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Mod: "%"}
_TEXT_FUNCTIONS = {"upper", "lower", "reverse"}
_DATE_PARTS = {"year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "doy"}
_PART_FUNCTION = {"dow": "dayOfWeek", "doy": "dayOfYear"}


@dataclass(frozen=True)
class Expressions:
    """Renders scalar expressions over the columns of one table."""

    names: Names

    @property
    def where(self) -> Conditions:
        """Conditions for WHERE."""
        return Conditions(self.scalar)

    @property
    def when(self) -> Conditions:
        """Conditions for CASE WHEN."""
        return Conditions(self.scalar, inside_case=True)

    def scalar(self, node: Node) -> Scalar:
        """The expression in Pinot's words; `query-unsupported` for what is not known to be the same there."""
        constant = literal(node)
        if constant is not None:
            return constant
        if isinstance(node, exp.Paren):
            return self.scalar(node.this)  # every SQL made here stands in parentheses of its own
        if isinstance(node, exp.Column):
            return self.names.column(node.name)
        operator = _ARITHMETIC.get(type(node))
        if operator is not None and isinstance(node, exp.Binary):
            return self._arithmetic(node, operator)
        if isinstance(node, exp.Div):
            return self._division(node)
        if isinstance(node, exp.Neg):
            return self._negative(node)
        if isinstance(node, exp.Case | exp.If):
            return self._case(node)
        if isinstance(node, exp.Coalesce):
            return self._coalesce(node)
        if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            return self._truncate(node)
        if isinstance(node, exp.Extract):
            return self._extract(node)
        return self._function(node)

    def _arithmetic(self, node: exp.Binary, operator: str) -> Scalar:
        one, other = self._operand(node.left), self._operand(node.right)
        if one.literal and other.literal:
            raise unsupported("arithmetic on two constants", "write its result")
        if operator == "%":
            return _remainder(one, other)
        kind = _wider(one.kind, other.kind)
        written = as_double if kind is Kind.DOUBLE else exact
        return Scalar(
            f"({written(one)} {operator} {written(other)})",
            kind,
            _NUMERIC_TYPES[kind],
            one.nulls | other.nulls,
            big=kind is not Kind.DOUBLE,
        )

    def _division(self, node: exp.Binary) -> Scalar:
        one, other = self._operand(node.left), self._operand(node.right)
        if not other.literal or float(other.sql) == 0.0:
            raise unsupported("a division by anything but a constant", "divide sums: SUM(a) / SUM(b)")
        if Kind.DOUBLE not in {one.kind, other.kind}:
            raise unsupported(
                "a division of whole or decimal numbers row by row",
                "divide after the aggregation, SUM(a) / COUNT(*), which is exact",
            )
        sql = f"({as_double(one)} / {as_double(other)})"
        return Scalar(sql, Kind.DOUBLE, "double precision", one.nulls | other.nulls)

    def _negative(self, node: exp.Neg) -> Scalar:
        inner = self._operand(node.this)
        return _of_one(inner, "(0 - {})")

    def _operand(self, node: Node) -> Scalar:
        found = self.scalar(node)
        if found.kind not in NUMBERS or found.opaque_null:
            raise unsupported(f"arithmetic on {found.kind}")
        return found

    def _case(self, node: Node) -> Scalar:
        if node.this is not None and isinstance(node, exp.Case):
            raise unsupported("CASE x WHEN ...", "write CASE WHEN x = ... THEN ...")
        branches = [(branch.this, branch.args["true"]) for branch in node.args.get("ifs") or [node]]
        default = node.args.get("default") or node.args.get("false") or exp.Null()
        conditions = [self.when.true(condition) for condition, _ in branches]
        kept = [
            (sql, self.scalar(value))
            for sql, (_, value) in zip(conditions, branches, strict=True)
            if sql != FALSE
        ]
        otherwise = self.scalar(default)
        if not kept:
            return otherwise
        if any(sql == TRUE for sql, _ in kept):
            raise unsupported("a CASE with a constant condition")
        return _case_of(kept, otherwise)

    def _coalesce(self, node: exp.Coalesce) -> Scalar:
        options = [self.scalar(option) for option in [node.this, *node.expressions]]
        kept: list[tuple[str, Scalar]] = []
        for option in options:
            if option.is_null:
                continue
            if option.opaque_null:
                raise unsupported("COALESCE of a CASE that can be NULL")
            if not option.nulls:
                return _case_of(kept, option) if kept else option
            kept.append((present_in_case(option.nulls), option))
        return _case_of(kept, Scalar("NULL", Kind.UNKNOWN, literal=True)) if kept else options[0]

    def _truncate(self, node: Node) -> Scalar:
        unit = node.args["unit"].name.lower()
        source = self.scalar(node.this)
        if source.column is None or source.kind not in {*INSTANTS, Kind.DATE}:
            raise unsupported("DATE_TRUNC of anything but a date or timestamp column")
        if unit not in {"second", "minute", "hour", "day", "week", "month", "quarter", "year"}:
            raise unsupported(f"DATE_TRUNC to {unit}")
        stored = quote(source.column.name)
        sql = f"(DATETRUNC('{unit.upper()}', {stored}, 'MILLISECONDS') * 1000)"
        kind = Kind.TIMESTAMP_TZ if source.kind is Kind.TIMESTAMP_TZ else Kind.TIMESTAMP
        return Scalar(sql, kind, kind.value, source.nulls)

    def _extract(self, node: exp.Extract) -> Scalar:
        part = node.name.lower()
        source = self.scalar(node.expression)
        if source.column is None or source.kind not in {*INSTANTS, Kind.DATE} or part not in _DATE_PARTS:
            raise unsupported(f"EXTRACT({part} ...) here")
        if part in {"dow", "second"}:
            raise unsupported(f"EXTRACT({part} ...): Pinot counts it differently")
        function = _PART_FUNCTION.get(part, part)
        return Scalar(f"{function}({quote(source.column.name)})", Kind.INTEGER, "integer", source.nulls)

    def _function(self, node: Node) -> Scalar:
        name = node.key.lower()
        if name == "abs":
            return _of_one(self._operand(node.this), "ABS({})")
        if isinstance(node, exp.Trim):
            return self._trim(node)
        if name in _TEXT_FUNCTIONS:
            inner = self.scalar(node.this)
            as_text(inner)
            if inner.kind is Kind.TEXT and not inner.opaque_null:
                return Scalar(f"{name}({inner.sql})", Kind.TEXT, "text", inner.nulls)
        shown = str(node.this) if isinstance(node, exp.Anonymous) else node.key
        raise unsupported(f"the function or operator `{shown.lower()}`")

    def _trim(self, node: exp.Trim) -> Scalar:
        """With its end and its characters: Pinot's `ltrim` and `rtrim` cut every kind of white space."""
        inner = self.scalar(node.this)
        characters = literal(node.expression) if node.expression is not None else Scalar(" ", Kind.TEXT)
        if inner.kind is not Kind.TEXT or inner.literal or inner.opaque_null or node.args.get("collation"):
            raise unsupported("TRIM of anything but a text")
        if characters is None or characters.kind is not Kind.TEXT or not characters.sql.isascii():
            raise unsupported("TRIM of other characters than a constant of ASCII")
        if inner.column is None or not is_padded(inner.column) or characters.sql != " ":
            as_text(inner)
        end = str(node.args.get("position") or "BOTH").upper()
        if end == "LEADING":
            as_text(inner)
        sql = f"TRIM({end} {text(characters.sql)} FROM {inner.sql})"
        return Scalar(sql, Kind.TEXT, "text", inner.nulls)


def _of_one(inner: Scalar, template: str) -> Scalar:
    """Minus and ABS: Pinot computes them in doubles unless their operand is BIG_DECIMAL."""
    doubles = inner.kind is Kind.DOUBLE
    sql = template.format(as_double(inner) if doubles else exact(inner))
    return Scalar(sql, inner.kind, inner.pg_type, inner.nulls, big=not doubles)


def _remainder(one: Scalar, other: Scalar) -> Scalar:
    """Pinot computes remainders in doubles: exact for what a double holds, -0.0 where PostgreSQL says 0."""
    if one.column is None or one.column.conversion is not Conversion.INT:
        raise unsupported(
            "% of anything but a smallint or integer column",
            "let PostgreSQL compute it, in a view or a column",
        )
    if not other.literal or other.kind is not Kind.INTEGER or not 0 < abs(int(other.sql)) < 2**31:
        raise unsupported("% by anything but a whole constant that is not zero")
    return Scalar(f"CAST(({one.sql} % {other.sql}) AS LONG)", Kind.INTEGER, one.pg_type, one.nulls)


_NUMERIC_TYPES = {Kind.INTEGER: "bigint", Kind.DECIMAL: "numeric", Kind.DOUBLE: "double precision"}


def _wider(one: Kind, other: Kind) -> Kind:
    for kind in (Kind.DOUBLE, Kind.DECIMAL):
        if kind in {one, other}:
            return kind
    return Kind.INTEGER


def _case_of(branches: list[tuple[str, Scalar]], default: Scalar) -> Scalar:
    """CASE with its type, and where it is NULL.

    A branch guarded by its own `IS NOT NULL` (COALESCE) is not NULL; a NULL branch stands as a default value
    of the same kind, and `present` tells it apart.
    """
    values = [value for _, value in branches] + [default]
    typed = [value for value in values if not value.is_null]
    if not typed:
        return Scalar("NULL", Kind.UNKNOWN, literal=True)
    kind, pg_type = _common(typed)
    guarded = [_is_present(condition, value) for condition, value in branches]
    last = "0" if default.is_null else _one_if(default.nulls)
    sure = all(part == "1" for part in [*guarded, last])
    whens = " ".join(f"WHEN {condition} THEN {_branch(value, kind)}" for condition, value in branches)
    whens += _type_giver(typed, kind)
    marks = " ".join(f"WHEN {branches[i][0]} THEN {part}" for i, part in enumerate(guarded))
    return Scalar(
        f"(CASE {whens} ELSE {_branch(default, kind)} END)",
        kind,
        pg_type,
        opaque_null=not sure,
        present="1" if sure else f"(CASE {marks} ELSE {last} END)",
        big=kind is Kind.DECIMAL or (kind is Kind.INTEGER and any(value.big for value in values)),
    )


def _is_present(condition: str, value: Scalar) -> str:
    if value.is_null:
        return "0"
    open_nulls = frozenset(name for name in value.nulls if f"{mark(name)} = 0" not in condition)
    return value.present if value.opaque_null else _one_if(open_nulls)


def _one_if(nulls: frozenset[str]) -> str:
    return f"(CASE WHEN {present_in_case(nulls)} THEN 1 ELSE 0 END)" if nulls else "1"


def _branch(value: Scalar, kind: Kind) -> str:
    if value.is_null:
        return "0" if kind in NUMBERS or kind in INSTANTS or kind is Kind.DATE else "''"
    if kind is Kind.DOUBLE:
        return as_double(value)
    if kind is Kind.DECIMAL and value.literal:
        return text(number(value.sql))
    return constant_sql(value) if value.literal else value.sql


def _type_giver(typed: list[Scalar], kind: Kind) -> str:
    """A branch that no row takes, where Pinot would guess the type from constants: '01' an integer."""
    if kind is Kind.TEXT and all(value.literal for value in typed):
        return f" WHEN {NEVER} THEN ''"
    if kind is Kind.DECIMAL and not any(value.big for value in typed):
        return f" WHEN {NEVER} THEN {big_decimal('0')}"
    return ""


def _common(values: list[Scalar]) -> tuple[Kind, str]:
    kinds = {value.kind for value in values}
    if kinds <= NUMBERS:
        kind = Kind.INTEGER
        for found in kinds:
            kind = _wider(kind, found)
        return kind, _NUMERIC_TYPES[kind]
    if kinds == {Kind.TEXT}:
        for value in values:
            as_text(value)
        return Kind.TEXT, "text"
    raise unsupported("a CASE or COALESCE of " + " and ".join(sorted(kinds)))


def presence(scalar: Scalar) -> str:
    """The condition that the expression is not NULL, for CASE and FILTER; empty when it never is."""
    if scalar.opaque_null:
        return all_of([f"{scalar.present} = 1"])
    return present_in_case(scalar.nulls)
