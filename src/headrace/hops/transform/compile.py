"""From a declared view and its table's contract to a compiled one, or to every reason against it.

Promise: a compiled view's result is PostgreSQL's, value by value, or the row is set aside with a reason. What
is not known to be so is refused; all that is wrong with a view is found in one look.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlglot import exp
from sqlglot.expressions.core import Expr as Node

from headrace.contract import MICROS_SUFFIX, Column, Conversion, TableContract
from headrace.hops.serve.types import index_problem
from headrace.hops.transform.aggregates import Sums, aggregate, is_aggregate
from headrace.hops.transform.columns import SourceColumn, row_key, source_column
from headrace.hops.transform.conditions import boolean
from headrace.hops.transform.expressions import scalar
from headrace.hops.transform.instants import days_of
from headrace.hops.transform.literals import typed
from headrace.hops.transform.refusal import Refused, ViewRefusal
from headrace.hops.transform.scalar import Guard, Guards, Scalar, identifier, text, written
from headrace.hops.transform.scope import Scope, require_computable
from headrace.hops.transform.statement import Statement, folded, parse
from headrace.hops.transform.types import TEXT, Kind
from headrace.hops.transform.view import KEY_COLUMN, CompiledView, Expression, ResultColumn, ViewKind
from headrace.names import TableName

T = TypeVar("T")

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")
_NAMED_BY_POSTGRES: dict[type[Node], str] = {exp.Count: "count", exp.Sum: "sum", exp.Avg: "avg"}


@dataclass(frozen=True)
class Options:
    """What else is declared of a view.

    Attributes:
        indexes: Pinot index by column of the result.
        retention_ms, retention_bytes, flush_rows: as of a table.
    """

    indexes: Mapping[str, str]
    retention_ms: int | None = None
    retention_bytes: int | None = None
    flush_rows: int | None = None


NO_OPTIONS = Options({})


def compile_sql(
    name: str, sql: str, contracts: Mapping[TableName, TableContract], options: Options = NO_OPTIONS
) -> tuple[CompiledView | None, list[ViewRefusal]]:
    """The compiled view, or None and why; `contracts` are those of the declared tables."""
    statement, refusals = parse(sql)
    if statement is None:
        return None, refusals
    base = contracts.get(statement.base)
    if base is None:
        return None, [_unknown_table(statement.base, contracts)]
    if base.partitions != 1:
        reason = f"{base.table} has {base.partitions} partitions: its changes have no one order"
        return None, [ViewRefusal(reason, "declare the table with `partitions: 1`")]
    return _Compilation(name, statement, base, options).view()


def _unknown_table(table: TableName, contracts: Mapping[TableName, TableContract]) -> ViewRefusal:
    names = [str(known) for known in contracts]
    near = difflib.get_close_matches(str(table), names, n=1)
    hint = f"did you mean {near[0]}?" if near else "name a table that stands under `tables`"
    for contract in contracts.values():
        if contract.served_name == table.table:
            hint = f"a view's SQL uses PostgreSQL's names: {contract.table}"
    return ViewRefusal(f"{table} is no declared table", hint)


class _Compilation:
    """One view on its way; refusals gather while its parts are looked at."""

    def __init__(self, name: str, statement: Statement, base: TableContract, options: Options) -> None:
        self.name = name
        self.statement = statement
        self.base = base
        self.options = options
        self.refusals: list[ViewRefusal] = []
        self.used: dict[str, SourceColumn] = {}
        self.guards: list[tuple[str, Guard]] = []
        self.sums = Sums()
        self.groups: dict[str, tuple[str, Scalar]] = {}

    def view(self) -> tuple[CompiledView | None, list[ViewRefusal]]:
        where = self._where()
        grouped = self.statement.group is not None
        if not grouped and any(_aggregates(item) for item in self.statement.items):
            self._refuse(
                "an aggregate without GROUP BY is one row even when the table is empty",
                "GROUP BY a column, and sum up when you query",
            )
            return None, self.refusals
        if grouped:
            self._group(where)
        columns: list[tuple[ResultColumn, Column]] = []
        for item in self.statement.items:
            found = self._attempt(item, lambda item=item: self._item(item, where, grouped))
            if found is not None:
                columns.append(found)
        self._check_names([column.name for column, _ in columns])
        self._check_indexes([column.name for column, _ in columns])
        if self.refusals:
            return None, self.refusals
        return self._compiled(columns, where, grouped), []

    def _compiled(
        self, columns: Sequence[tuple[ResultColumn, Column]], where: str | None, grouped: bool
    ) -> CompiledView:
        key = [self.base.column(name) for name in self.base.key]
        for column in key:
            self.used.setdefault(column.name, source_column(column))
        read = sorted(self.used.values(), key=lambda one: [c.name for c in self.base.columns].index(one.name))
        values = {one.name: one.value for one in read if one.value is not None}
        return CompiledView(
            name=self.name,
            kind=ViewKind.GROUPS if grouped else ViewKind.ROWS,
            base=self.base,
            contract=self._contract([column for _, column in columns]),
            statement=self.statement,
            columns=tuple(column for column, _ in columns),
            image=tuple((one.name, one.image) for one in read),
            values=tuple(Expression(name, value) for name, value in values.items()),
            reject=self._reject(read),
            row_key=row_key(key),
            where=None if where is None else written(where, identifier),
            group=tuple(
                Expression(name, written(value.sql, identifier)) for name, value in self.groups.values()
            ),
            sums=tuple(Expression(name, written(sql, identifier)) for sql, name in self.sums.found.items()),
            group_said=tuple(part.sql(dialect="postgres") for part in self.statement.group or ()),
        )

    def _contract(self, columns: Sequence[Column]) -> TableContract:
        return TableContract(
            table=TableName.of_view(self.name),
            served_name=self.name,
            key=(KEY_COLUMN,),
            columns=(Column(KEY_COLUMN, "text", Conversion.TEXT, nullable=False), *columns),
            retention_ms=self.options.retention_ms,
            retention_bytes=self.options.retention_bytes,
            flush_rows=self.options.flush_rows,
            versioned=True,
        )

    def _reject(self, read: Sequence[SourceColumn]) -> str | None:
        raw = {one.name: one.raw for one in read}
        cases = [(guard.condition, guard.reason) for one in read for guard in one.guards]
        cases += [
            (written(guard.condition, raw.__getitem__), f"{place}: {guard.reason}")
            for place, guard in self.guards
        ]
        if not cases:
            return None
        whens = " ".join(f"WHEN {condition} THEN {text(reason)}" for condition, reason in dict(cases).items())
        return f"CASE {whens} END"

    def _where(self) -> str | None:
        node = self.statement.where
        if node is None:
            return None
        return self._attempt(
            node, lambda: self._in_rows("WHERE", None, lambda scope: boolean(scope, node).sql)
        )

    def _in_rows(self, place: str, where: str | None, look: Callable[[Scope], T]) -> T:
        """Look at something row by row; what can go wrong there sets the row aside."""
        guards = Guards()
        with guards.when(*([where] if where else [])):
            found = look(Scope(guards, self._column, scalar))
        self.guards.extend((place, guard) for guard in guards.found if (place, guard) not in self.guards)
        return found

    def _column(self, node: Node) -> Scalar | None:
        if is_aggregate(node):
            raise Refused(
                "an aggregate where single rows are looked at", "aggregates stand in the select list", at=node
            )
        if not isinstance(node, exp.Column):
            return None
        qualifier = node.args.get("table")
        if node.args.get("db") or (qualifier is not None and folded(qualifier) not in self.statement.names):
            raise Refused(
                f"{node.sql(dialect='postgres')} names another table", "a view reads one table", at=node
            )
        if isinstance(node.this, exp.Star):
            return None
        name = folded(node.this)
        if name not in self.used:
            self.used[name] = source_column(self._carried(name, node))
        return self.used[name].scalar

    def _carried(self, name: str, node: Node) -> Column:
        try:
            return self.base.column(name)
        except KeyError:
            pass
        if name in self.base.excluded:
            raise Refused(
                f"{name} is excluded: it never leaves PostgreSQL",
                f"take it out of `exclude` of {self.base.table}",
                at=node,
            )
        near = difflib.get_close_matches(name, [column.name for column in self.base.columns], n=1)
        hint = f"did you mean {near[0]}?" if near else "names in upper case need double quotes, as in psql"
        raise Refused(f"{self.base.table} has no column {name}", hint, at=node)

    def _group(self, where: str | None) -> None:
        for part in self.statement.group or ():
            node = self._attempt(part, lambda part=part: self._meant(part))
            if node is None:
                continue
            found = self._attempt(
                part,
                lambda node=node: self._in_rows(
                    "GROUP BY", where, lambda scope: self._groupable(scope, node)
                ),
            )
            if found is not None:
                self.groups.setdefault(found.sql, (f"g{len(self.groups)}", found))

    def _meant(self, part: Node) -> Node:
        """What GROUP BY names: a position, an alias (a column of that name comes first), or itself."""
        if isinstance(part, exp.Literal) and not part.is_string:
            position = int(part.this) if str(part.this).isdigit() else 0
            if not 1 <= position <= len(self.statement.items):
                raise Refused(
                    f"GROUP BY position {part.this} is not in the select list", "count from 1", at=part
                )
            return self.statement.items[position - 1].unalias()
        if isinstance(part, exp.Column) and not part.args.get("table"):
            name = folded(part.this)
            if all(column.name != name for column in self.base.columns) and name not in self.base.excluded:
                for item in self.statement.items:
                    if isinstance(item, exp.Alias) and folded(item.args["alias"]) == name:
                        return item.this
        return part

    def _groupable(self, scope: Scope, node: Node) -> Scalar:
        found = scope.scalar(node)
        require_computable(found, node)
        if found.constant or found.type.kind is Kind.UNKNOWN:
            raise Refused("GROUP BY of a constant", "leave it out of GROUP BY", at=node)
        return found

    def _item(self, item: Node, where: str | None, grouped: bool) -> tuple[ResultColumn, Column]:
        node = item.unalias()
        try:
            name, unnamed = self._name(item, node), None
        except Refused as refused:  # what is wrong with the expression itself comes first
            name, unnamed = "an expression", refused
        if grouped:
            scope = Scope(Guards(rows=False), lambda part: self._of_group(part, where, name), scalar)
            found = scope.scalar(node)
        else:
            found = self._in_rows(name, where, lambda scope: scope.scalar(node))
        if unnamed is not None:
            raise unnamed
        if found.type.kind is Kind.UNKNOWN:
            found = typed(found, TEXT, node)
        kind = found.type
        column = Column(
            name=name,
            pg_type=kind.pg,
            conversion=Conversion.DECIMAL if kind.conversion is Conversion.DECIMAL_TEXT else kind.conversion,
            nullable=found.nullable,
            index=self.options.indexes.get(name),
        )
        problem = index_problem(column)
        if problem is not None:
            self._refuse(f"{name}: {problem}", f"take {name} out of `indexes`, or `{name}: inverted`")
        made = any(is_aggregate(part) for part in node.walk())
        sql = written(_in_envelope(found), identifier)
        return ResultColumn(name, kind.pg, node.sql(dialect="postgres"), sql, made), column

    def _of_group(self, node: Node, where: str | None, place: str) -> Scalar | None:
        """What a part of the select list is to a group: an aggregate, one of its expressions, or neither."""
        if is_aggregate(node):
            return self._in_rows(place, where, lambda scope: aggregate(scope, self.sums, node))
        known = self._known_group(node)
        if known is not None:
            return known
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            self._column(node)
            raise Refused(
                f"{folded(node.this)} differs within a group",
                "put it into GROUP BY, or into count, sum or avg",
                at=node,
            )
        return None

    def _known_group(self, node: Node) -> Scalar | None:
        used = dict(self.used)
        try:
            found = Scope(Guards(), self._column, scalar).scalar(node)
        except Refused:
            return None
        finally:
            self.used = used
        known = self.groups.get(found.sql)
        if known is None or found.constant:
            return None
        name, value = known
        return replace(value, sql=name)

    def _name(self, item: Node, node: Node) -> str:
        if isinstance(item, exp.Alias):
            return folded(item.args["alias"])
        inner: Node = node
        while isinstance(inner, exp.Cast | exp.Paren | exp.Filter):
            inner = inner.this
        if isinstance(inner, exp.Column) and not isinstance(inner.this, exp.Star):
            return folded(inner.this)
        name = next((name for kind, name in _NAMED_BY_POSTGRES.items() if isinstance(inner, kind)), None)
        if name is None and not isinstance(inner, exp.Star) and not isinstance(inner, exp.Column):
            raise Refused("an expression without a name", "give it one with AS", at=item)
        return name or "*"

    def _check_names(self, names: Sequence[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if not _NAME.match(name):
                self._refuse(
                    f"the column {name} of the result is no plain identifier",
                    "AS name: letters, digits and _",
                )
            elif name.startswith("__") or name.endswith(MICROS_SUFFIX):
                self._refuse(f"{name} is a name headrace keeps for itself", "give it another one with AS")
            elif name.lower() in seen:
                self._refuse(f"two columns of the result are named {name}", "give one another name with AS")
            seen.add(name.lower())

    def _check_indexes(self, names: Sequence[str]) -> None:
        if not self.refusals:
            for name in self.options.indexes:
                if name not in names:
                    self._refuse(
                        f"an index on {name}, which is no column of the result", "name a column of the result"
                    )

    def _refuse(self, reason: str, hint: str) -> None:
        refusal = ViewRefusal(reason, hint)
        if refusal not in self.refusals:
            self.refusals.append(refusal)

    def _attempt(self, node: Node, look: Callable[[], T]) -> T | None:
        try:
            return look()
        except Refused as refused:
            refusal = refused.refusal(node)
            if refusal not in self.refusals:
                self.refusals.append(refusal)
            return None


def _aggregates(item: Node) -> bool:
    return any(is_aggregate(part) and not isinstance(part.parent, exp.Window) for part in item.walk())


def _in_envelope(value: Scalar) -> str:
    """The value as it stands in a change event, as `Conversion` says."""
    if value.type.kind is Kind.NUMERIC:
        return f"CAST({value.sql} AS STRING)"
    if value.type.kind is not Kind.TIMESTAMP_TZ:
        return value.sql
    micros = value.sql
    clock = ", ':', ".join(
        f"lpad(CAST(pmod({micros}, {cycle}L) div {unit}L AS STRING), 2, '0')"
        for cycle, unit in (
            (86_400_000_000, 3_600_000_000),
            (3_600_000_000, 60_000_000),
            (60_000_000, 1_000_000),
        )
    )
    day = f"CAST(date_from_unix_date({days_of(micros)}) AS STRING)"
    fraction = f"lpad(CAST(pmod({micros}, 1000000L) AS STRING), 6, '0')"
    return f"concat({day}, 'T', {clock}, '.', {fraction}, 'Z')"
