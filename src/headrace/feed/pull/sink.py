"""Writes pulled rows into a table, a batch and its position in one transaction.

Promise: after a commit every row of the batch is in the table, or in the reject file with its reason; the
file is written and synced before the commit, so that a crash can double a line of it but never lose one.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql

from headrace.errors import HeadraceError, Where
from headrace.feed import staging, target
from headrace.feed.csv_reader import Row
from headrace.feed.pull.fields import Unfit, field_text, guess_types
from headrace.feed.pull.json_text import Json, write
from headrace.feed.pull.position import Position, PositionStore
from headrace.feed.target import Connection, Target, column_name
from headrace.hops.source.refusal import without_values
from headrace.names import TableName

_TYPE = re.compile(r"[a-z][a-z0-9 ]{0,40}(\(\d{1,4}(,\d{1,4})?\))?( with(out)? time zone)?(\[\])?")

Record = Mapping[str, Json]


@dataclass(frozen=True)
class SinkOptions:
    """How rows become rows of a table.

    Attributes:
        create: create the table when it is not there, and add columns for fields that appear later.
        types: types of columns that are declared and not inferred, by field.
        not_null: fields that refuse NULL in a created table.
        reject_file: where rows go that do not fit.
        max_rejects: how many are put up with in a run.
    """

    create: bool
    types: Mapping[str, str]
    not_null: Collection[str]
    reject_file: Path
    max_rejects: int


@dataclass
class Written:
    """Totals of a run."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    created: bool = False
    left_out: set[str] = field(default_factory=set[str])
    added: list[str] = field(default_factory=list[str])


class Sink:
    """The table of one pull."""

    def __init__(
        self, connection: Connection, table: TableName, options: SinkOptions, note: Callable[[str], None]
    ) -> None:
        self.written = Written()
        self._connection = connection
        self._table = table
        self._options = options
        self._note = note
        for name, kind in options.types.items():
            if not _TYPE.fullmatch(kind):
                raise HeadraceError(
                    "feed-type", f"the type declared for {name} is none", hint="for instance numeric(10,2)"
                )

    def exists(self) -> bool:
        """Whether the table is there."""
        return target.oid_of(self._connection, self._table) is not None

    def require(self) -> None:
        """HeadraceError `table-missing` if there is no table and none is to be made."""
        if not self._options.create and not self.exists():
            raise HeadraceError(
                "table-missing",
                f"there is no table {self._table}",
                hint="give --create to have it made for these rows",
                where=_where(self._table),
            )

    def primary_key(self, fields: Sequence[str]) -> tuple[str, ...]:
        """The fields that fill the table's primary key; empty if there is no table or one is missing."""
        oid = target.oid_of(self._connection, self._table)
        if oid is None:
            return ()
        columns = target.loadable(self._connection, oid)
        spelt = {column_name(name): name for name in columns}
        known = [name for name in fields if name in columns or column_name(name) in spelt]
        into = target.existing(self._connection, self._table, oid, known, len(known), None)
        return tuple(column.header for part in into.key for column in into.columns if column.name == part)

    def write(
        self,
        items: Sequence[Json],
        fields: Sequence[str],
        key: Sequence[str],
        position: Position,
        store: PositionStore,
    ) -> None:
        """Bring `items` in and save `position`, in one transaction."""
        rejected: list[tuple[str, Json]] = []
        records: list[Record] = []
        for item in items:
            if isinstance(item, dict):
                records.append(cast(Record, item))
            else:
                rejected.append(("the row is not an object", item))
        try:
            with self._connection.transaction():
                if records:
                    self._write(records, fields, key, rejected)
                self._count_rejects(rejected)
                store.save(position)
        except psycopg.Error as error:
            raise _refused(error, self._table) from error
        self.written.rows += len(items)
        self.written.rejected += len(rejected)

    def finish(self) -> None:
        """Move the sequences of serial columns past what was written."""
        oid = target.oid_of(self._connection, self._table)
        if oid is not None:
            headers = target.loadable(self._connection, oid)
            with self._connection.transaction():
                into = target.existing(self._connection, self._table, oid, headers, len(headers), None)
                target.advance_sequences(self._connection, into)

    def _write(
        self,
        records: list[Record],
        fields: Sequence[str],
        key: Sequence[str],
        rejected: list[tuple[str, Json]],
    ) -> None:
        self._connection.execute("SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'")
        into = self._target(records, fields, key)
        staging.create_raw(self._connection, len(into.columns))
        lines: list[int] = []
        rows: list[Row] = []
        for line, record in enumerate(records):
            try:
                rows.append([field_text(record.get(column.header), column) for column in into.columns])
                lines.append(line)
            except Unfit as why:
                rejected.append((str(why), cast(Json, record)))
        with self._connection.cursor() as cursor, cursor.copy(staging.copy_statement()) as copy:
            copy.write(staging.copy_lines(lines, rows))
        staging.reject_unfit(
            self._connection, into, lambda line, why: rejected.append((why, cast(Json, records[line])))
        )
        twice = staging.type_rows(self._connection, into)
        inserted, updated, unchanged = staging.merge(self._connection, into)
        self.written.inserted += inserted
        self.written.updated += updated
        self.written.unchanged += unchanged + twice

    def _target(self, records: list[Record], fields: Sequence[str], key: Sequence[str]) -> Target:
        oid = target.oid_of(self._connection, self._table)
        if oid is None:
            return self._create(records, fields, key)
        columns = target.loadable(self._connection, oid)
        spelt = {column_name(name): name for name in columns}
        unknown = [name for name in fields if name not in columns and column_name(name) not in spelt]
        if unknown and self._options.create:
            self._add_columns(records, unknown)
        elif unknown:
            self._leave_out(unknown)
        known = [name for name in fields if self._options.create or name not in unknown]
        into = target.existing(self._connection, self._table, oid, known, len(known), key or None)
        if not into.key:
            raise HeadraceError(
                "feed-key",
                f"the rows do not have the primary key of {self._table}",
                cause=f"their fields: {', '.join(fields[:12])}",
                hint="name fields with a unique index over their columns: --key",
                where=_where(self._table),
            )
        return into

    def _create(self, records: list[Record], fields: Sequence[str], key: Sequence[str]) -> Target:
        self.require()
        guessed = guess_types(records)
        names = list(dict.fromkeys([*self._options.types, *fields]))
        types = [self._options.types.get(name) or guessed.get(name, "text") for name in names]
        into = target.create(self._connection, self._table, names, types, list(key), self._options.not_null)
        self.written.created = True
        return into

    def _add_columns(self, records: list[Record], unknown: list[str]) -> None:
        guessed = guess_types(records)
        for name in unknown:
            kind = self._options.types.get(name) or guessed.get(name, "text")
            self._connection.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                    sql.Identifier(self._table.schema, self._table.table),
                    sql.Identifier(column_name(name)),
                    sql.SQL(cast(LiteralString, kind)),
                )
            )
            self.written.added.append(name)
            self._note(f"{self._table} has a new column for the field {name}, {kind}")

    def _leave_out(self, unknown: list[str]) -> None:
        for name in unknown:
            if name not in self.written.left_out:
                self.written.left_out.add(name)
                self._note(f"{self._table} has no column for the field {name}: it is left out")

    def _count_rejects(self, rejected: list[tuple[str, Json]]) -> None:
        if not rejected:
            return
        self._append(rejected)
        if self.written.rejected + len(rejected) > self._options.max_rejects:
            raise HeadraceError(
                "too-many-rejects",
                f"more than {self._options.max_rejects} rows do not fit {self._table}",
                cause=rejected[-1][0].partition(": ")[0],
                hint=f"see {self._options.reject_file}; correct the table, or raise --max-rejects",
            )

    def _append(self, rejected: list[tuple[str, Json]]) -> None:
        path = self._options.reject_file
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                writer = csv.writer(stream)
                if stream.tell() == 0:
                    writer.writerow(("table", "reason", "content"))
                for reason, item in rejected:
                    writer.writerow((str(self._table), reason, write(item)))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise HeadraceError(
                "reject-file",
                f"the reject file {path} cannot be written",
                cause=error.strerror,
                hint="give another place with --reject-file",
            ) from error


def _refused(error: psycopg.Error, table: TableName) -> HeadraceError:
    """What the server said and what to do about it."""
    constraint = error.diag.constraint_name
    if isinstance(error, psycopg.OperationalError):
        hint = "see that the server is up and run it again: it goes on from the last commit"
    elif isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = "the role needs SELECT, INSERT, UPDATE on the table, TEMP on the database"
    elif constraint:
        hint = f"a row does not fit the constraint {constraint}; what was committed before stays"
    else:
        hint = "what was committed before stays"
    return HeadraceError(
        "feed-write-refused",
        f"PostgreSQL refused the rows for {table}",
        cause=without_values(error),
        hint=hint,
        where=_where(table),
    )


def _where(table: TableName) -> Where:
    return Where(address=f"table:{table}")
