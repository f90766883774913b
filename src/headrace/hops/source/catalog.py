"""From the declaration and PostgreSQL's catalogue to the tables' contracts, or to why there can be none.

Promise: everything wrong with every table is found in one look, each with a remedy; nothing is changed. A
table with a refusal has no contract.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from headrace.contract import LONG_TEXT, MICROS_SUFFIX, Column, Conversion, Mask, Refusal, TableContract
from headrace.errors import Where
from headrace.hops.serve.types import index_problem
from headrace.hops.source.client import SourceClient
from headrace.hops.source.keys import key_of
from headrace.hops.source.relations import SourceColumn, SourceTable, read_tables, table_names
from headrace.hops.source.types import Refused, conversion_of
from headrace.names import CaptureNames, TableName

COLUMN_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
"""Column names Pinot is known to carry: they become part of file names and property keys there."""

TABLE_NAME = re.compile(r"^[^.,\"\\\s]+$")
"""Schema and table names that Debezium's lists can spell."""

_DERIVED_INDEX = {
    Conversion.BOOLEAN: "inverted",
    Conversion.INT: "inverted",
    Conversion.LONG: "inverted",
    Conversion.TEXT: "inverted",
    Conversion.DATE: "range",
    Conversion.TIMESTAMP_MICROS: "range",
    Conversion.TIMESTAMP_TZ: "range",
}
"""What Pinot has instead of PostgreSQL's index: people ask for equal values, of times for spans."""

_WITH_MICROS = frozenset({Conversion.TIMESTAMP_MICROS, Conversion.TIMESTAMP_TZ})


class Retention(Protocol):
    @property
    def time_ms(self) -> int | None: ...
    @property
    def size_bytes(self) -> int | None: ...


class Options(Protocol):
    """What the declaration says of one table; spec.model.TableOptions is one."""

    @property
    def key(self) -> tuple[str, ...] | None: ...
    @property
    def exclude(self) -> tuple[str, ...]: ...
    @property
    def partitions(self) -> int: ...
    @property
    def indexes(self) -> Mapping[str, str]: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def flush_rows(self) -> int | None: ...


class Declared(Protocol):
    """One declared table; spec.model.DeclaredTable is one."""

    @property
    def table(self) -> TableName: ...
    @property
    def served_name(self) -> str: ...
    @property
    def options(self) -> Options: ...
    @property
    def address(self) -> str: ...
    @property
    def mask(self) -> Mapping[str, Mask]: ...


class Tables(Protocol):
    """The declaration's tables; spec.model.Declaration is one."""

    @property
    def declared(self) -> Sequence[Declared]: ...
    def where(self, address: str) -> Where: ...


def contracts(client: SourceClient, declaration: Tables) -> tuple[list[TableContract], list[Refusal]]:
    """The contracts in the declaration's order, and every refusal."""
    declared = list(declaration.declared)
    found = read_tables(client, [entry.table for entry in declared])
    known = table_names(client) if len(found) < len(declared) else []
    good: list[TableContract] = []
    refusals: list[Refusal] = []
    for entry in declared:
        judge = _Judge(entry, declaration)
        source = found.get(entry.table)
        contract = judge.missing(known) if source is None else judge.contract(source)
        refusals.extend(judge.refusals)
        if contract is not None and not judge.refusals:
            good.append(contract)
    collisions = list(_collisions(good, declaration))
    refused = {refusal.table for refusal in collisions}
    return [contract for contract in good if contract.table not in refused], refusals + collisions


def _collisions(good: Sequence[TableContract], declaration: Tables) -> Iterable[Refusal]:
    """Tables whose topics or served names would be one and the same."""
    names = CaptureNames("p", 1)
    served: dict[str, TableName] = {}
    topics: dict[str, TableName] = {}
    addresses = {entry.table: entry.address for entry in declaration.declared}
    for contract in good:
        where = str(declaration.where(addresses[contract.table]))
        other = served.setdefault(contract.served_name.lower(), contract.table)
        if other != contract.table:
            reason = f"it would be served under the same name as {other}: {contract.served_name}"
            yield Refusal(contract.table, None, reason, "give one of them another name with `name:`", where)
        other = topics.setdefault(names.topic(contract.table), contract.table)
        if other != contract.table:
            reason = f"its topic would have the same name as that of {other}"
            yield Refusal(contract.table, None, reason, "rename one of the two tables", where)


class _Judge:
    """Gathers what is wrong with one table."""

    def __init__(self, entry: Declared, declaration: Tables) -> None:
        self.entry = entry
        self.declaration = declaration
        self.refusals: list[Refusal] = []

    def refuse(self, column: str | None, reason: str, hint: str, part: str = "") -> None:
        where = str(self.declaration.where(self.entry.address + part))
        self.refusals.append(Refusal(self.entry.table, column, reason, hint, where))

    def missing(self, known: Sequence[TableName]) -> None:
        """No such table: say which one may have been meant."""
        spelled = {str(name): name for name in known}
        near = difflib.get_close_matches(str(self.entry.table), spelled, n=3, cutoff=0.6)
        near += [text for text, name in spelled.items() if name.table == self.entry.table.table]
        hint = "create it, or take it out of `tables`"
        if near:
            hint = "did you mean " + " or ".join(dict.fromkeys(near)) + "?"
        where = str(self.declaration.where(self.entry.address))
        reason = "there is no such table in the source"
        self.refusals.append(Refusal(self.entry.table, None, reason, hint, where, "table-missing"))

    def contract(self, source: SourceTable) -> TableContract | None:
        """The contract, or None; whether it holds is for the refusals to say."""
        self._kind(source)
        if source.kind not in ("r", "p"):
            return None
        self._names(source)
        self._declared_columns(source)
        excluded = tuple(c.name for c in source.columns if c.name in self.entry.options.exclude)
        carried = [c for c in source.columns if c.name not in excluded]
        key, declared_key, problem = key_of(source, self.entry.options.key)
        if problem is not None:
            self.refuse(None, problem.reason, problem.hint, ".key")
        self._key(key, excluded)
        columns = [column for c in carried if (column := self._column(c, key, source.indexed)) is not None]
        self._micros(columns)
        return TableContract(
            table=self.entry.table,
            served_name=self.entry.served_name,
            key=key,
            columns=tuple(columns),
            excluded=excluded,
            partitions=self.entry.options.partitions,
            declared_key=declared_key,
            partitioned=source.kind == "p",
            retention_ms=self.entry.options.retention.time_ms,
            retention_bytes=self.entry.options.retention.size_bytes,
            flush_rows=self.entry.options.flush_rows,
        )

    def _kind(self, source: SourceTable) -> None:
        kinds = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence"}
        if source.kind not in ("r", "p"):
            kind = kinds.get(source.kind, "no table")
            self.refuse(None, f"it is {kind}: its changes are not in the WAL", "declare the tables behind it")
            return
        if source.persistence == "u":
            self.refuse(None, "it is unlogged: its changes are not in the WAL", "ALTER TABLE … SET LOGGED")
        if source.persistence == "t":
            self.refuse(None, "it is temporary: it lives in one session only", "use an ordinary table")
        if source.is_partition:
            self.refuse(None, "it is a partition of another table", "declare the partitioned table instead")
        elif source.has_parents:
            self.refuse(
                None,
                "it inherits from another table: a query of the parent would mix both",
                "declarative partitioning is carried, inheritance is not",
            )
        if source.kind == "r" and source.has_children:
            self.refuse(
                None,
                "other tables inherit from it: their rows would be missing or twice",
                "declarative partitioning is carried, inheritance is not",
            )
        for part in source.partitions:
            if part.kind == "f" or part.persistence != "p":
                kind = "a foreign table" if part.kind == "f" else "not logged"
                self.refuse(None, f"its partition {part.table} is {kind}", "detach that partition")
        if source.row_security:
            hint = "ALTER ROLE … BYPASSRLS for headrace's role"
            self.refuse(None, "row security would hide rows from the snapshot", hint)
        if source.kind == "r" and any(c.generated == "v" for c in source.columns):
            hint = "make the generated column STORED and exclude it"
            reason = "with a virtual generated column PostgreSQL refuses UPDATEs of a published table"
            self.refuse(None, reason, hint)

    def _names(self, source: SourceTable) -> None:
        table = source.table
        if not TABLE_NAME.match(table.schema) or not TABLE_NAME.match(table.table):
            reason = "its name holds a character the connector's lists cannot spell (. , \" \\ or a space)"
            self.refuse(None, reason, "rename the table")
        lowered: dict[str, str] = {}
        for column in source.columns:
            other = lowered.setdefault(column.name.lower(), column.name)
            if other != column.name:
                reason = f"{other} and {column.name} differ only by case"
                self.refuse(column.name, reason, "rename one of them: the connector refuses such a table")

    def _declared_columns(self, source: SourceTable) -> None:
        options = self.entry.options
        names = [column.name for column in source.columns]
        for part, wanted in (
            (".key", options.key or ()),
            (".exclude", options.exclude),
            (".mask", self.entry.mask),
            (".indexes", options.indexes),
        ):
            for name in wanted:
                if name not in names:
                    near = difflib.get_close_matches(name, names, n=1)
                    hint = f"did you mean {near[0]}?" if near else "its columns: " + ", ".join(names[:20])
                    self.refuse(name, "there is no such column", hint, f"{part}.{name}")
        for name in set(self.entry.mask) & set(options.exclude):
            self.refuse(name, "it is both masked and excluded", "keep one of the two", ".mask")

    def _key(self, key: tuple[str, ...], excluded: tuple[str, ...]) -> None:
        for name in key:
            if name in excluded:
                self.refuse(name, "it is part of the key and excluded", "carry it, or declare another `key`")
            if name in self.entry.mask:
                self.refuse(
                    name,
                    "it is part of the key and masked",
                    "declare another `key`, or leave it as it is",
                    ".mask",
                )

    def _column(self, source: SourceColumn, key: Sequence[str], indexed: Collection[str]) -> Column | None:
        name, part = source.name, f".exclude.{source.name}"
        exclude = f"leave it out with `exclude: [{name}]`"
        if source.generated == "s":
            self.refuse(name, "a generated column is not in the stream", exclude, part)
            return None
        if name.startswith("__"):
            self.refuse(
                name, "names beginning with __ belong to headrace's own columns", f"rename it, or {exclude}"
            )
        elif not COLUMN_NAME.match(name):
            reason = "Pinot carries only column names of letters, digits and _"
            self.refuse(name, reason, f"rename it, or {exclude}", part)
        in_key = name in key
        conversion = conversion_of(source.type, in_key=in_key)
        if isinstance(conversion, Refused):
            reason = f"{source.type.formatted}: {conversion.reason}"
            hint = "declare another `key`" if in_key else exclude
            self.refuse(name, reason, hint, part)
            return None
        mask = self.entry.mask.get(name)
        if mask is not None:
            if conversion is Conversion.JSON_TEXT:
                self.refuse(name, "an array cannot be masked", exclude, ".mask")
            conversion = Conversion.TEXT
        column = Column(
            name=name,
            pg_type=source.type.formatted,
            conversion=conversion,
            nullable=not source.not_null,
            mask=mask,
            index=self._index(source, conversion, indexed),
        )
        problem = index_problem(column)
        if problem is not None:
            self.refuse(
                name, problem, f"take {name} out of `indexes`, or `{name}: inverted`", f".indexes.{name}"
            )
        return column

    def _index(self, source: SourceColumn, conversion: Conversion, indexed: Collection[str]) -> str | None:
        """The one declared, else what PostgreSQL's becomes."""
        declared = self.entry.options.indexes.get(source.name)
        if declared is not None:
            return None if declared == "none" else declared
        if source.name not in indexed or source.type.formatted in LONG_TEXT:
            return None
        return None if self.entry.mask.get(source.name) is Mask.REDACT else _DERIVED_INDEX.get(conversion)

    def _micros(self, columns: Sequence[Column]) -> None:
        names = {column.name for column in columns}
        for column in columns:
            beside = column.name + MICROS_SUFFIX
            if column.conversion in _WITH_MICROS and beside in names:
                reason = f"headrace puts the exact instants of {column.name} under this name"
                self.refuse(beside, reason, f"rename it, or `exclude: [{beside}]`")
