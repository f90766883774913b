"""What the compiler makes of a view: frozen, with everything the other hops ask of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from headrace.contract import TableContract, ViewContract
from headrace.hops.transform.statement import Statement
from headrace.names import TableName

KEY_COLUMN = "__key"
"""The key of a view's rows: one text made of the group's values, or of the base table's key."""


class ViewKind(StrEnum):
    """The classes of views there are."""

    ROWS = "rows"  # one result row for each row of the table that passes
    GROUPS = "groups"  # one result row for each group, kept by adding and taking back


@dataclass(frozen=True)
class Expression:
    """A name and the Spark SQL of its value."""

    name: str
    expr: str


@dataclass(frozen=True)
class ResultColumn:
    """One column of the result, in the SQL's order.

    Attributes:
        name: what people query.
        pg_type: PostgreSQL's type, as `format_type` prints it.
        said: how the SQL says it, in PostgreSQL's words.
        expr: Spark SQL of the value in its form in the envelope.
        aggregate: it is made of a group's sums.
    """

    name: str
    pg_type: str
    said: str
    expr: str
    aggregate: bool = False


@dataclass(frozen=True)
class CompiledView:
    """One view, compiled.

    Attributes:
        name: the name people query.
        kind: its class.
        base: the contract of the table it reads.
        contract: of its own table: key `__key`, versioned, one partition.
        statement: the SQL as it was read; `sql` and `over` give its text.
        columns: the result's columns.
        image: name and Spark type of each column read from the envelope.
        values: typed values that differ from the image.
        reject: Spark SQL over the image: NULL, or why the row has no value; None: it always has.
        row_key: Spark SQL over the image: the base table's key as text.
        where: Spark SQL over the typed columns; None: every row passes.
        group: of kind groups, what the rows are grouped by.
        sums: of kind groups, what one row adds.
        group_said: the group's expressions in PostgreSQL's words.
    """

    name: str
    kind: ViewKind
    base: TableContract
    contract: TableContract
    statement: Statement
    columns: tuple[ResultColumn, ...]
    image: tuple[tuple[str, str], ...]
    values: tuple[Expression, ...]
    reject: str | None
    row_key: str
    where: str | None
    group: tuple[Expression, ...] = ()
    sums: tuple[Expression, ...] = ()
    group_said: tuple[str, ...] = ()

    @property
    def table(self) -> TableName:
        """The table it reads."""
        return self.base.table

    @property
    def sql(self) -> str:
        """The user's SQL for PostgreSQL, the table's name in full: the oracle. It needs `TimeZone=UTC`."""
        return self.statement.text

    def over(self, relation: str) -> str:
        """The same SQL reading another relation, for instance a subquery in which masks are applied."""
        return self.statement.over(relation)

    @property
    def work(self) -> Mapping[str, object]:
        """What is computed: the view document without the names of one generation."""
        found: dict[str, object] = {
            "kind": str(self.kind),
            "image": ", ".join(f"`{name}` {kind}" for name, kind in self.image),
            "values": [asdict(value) for value in self.values],
            "row_key": self.row_key,
            "columns": [{"name": column.name, "expr": column.expr} for column in self.columns],
        }
        if self.reject is not None:
            found["reject"] = self.reject
        if self.where is not None:
            found["where"] = self.where
        if self.kind is ViewKind.GROUPS:
            found["group"] = [asdict(one) for one in self.group]
            found["sums"] = [asdict(one) for one in self.sums]
        return found

    @property
    def declared(self) -> ViewContract:
        """What the other hops need to know of it."""
        return ViewContract(
            served=self.contract,
            base=self.table,
            shape=self.shape,
            sql=self.sql,
            job=json.dumps(self.work, separators=(",", ":"), sort_keys=True),
        )

    @property
    def shape(self) -> str:
        """A digest of what cannot change in place: a different shape needs a new generation.

        The SQL counts by its meaning, not by how it is laid out; indexes and retention do not count.
        """
        parts = [self.base.shape, self.contract.shape, self.work]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
