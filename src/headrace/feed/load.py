"""Loads a CSV file into a PostgreSQL table, all of it in one transaction.

Promise: after success every line of the file is in the table or in the reject file; after anything else the
database is as it was. A keyed load may be repeated: the second run writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psycopg

from headrace.errors import HeadraceError, Where
from headrace.feed import staging, target
from headrace.feed.csv_reader import BadLine, CsvReader, Dialect, open_plain
from headrace.feed.infer import TableGuess
from headrace.feed.rejects import RejectFile
from headrace.feed.target import Connection, Target
from headrace.hops.source.refusal import without_values
from headrace.names import TableName


@dataclass(frozen=True)
class LoadOptions:
    """What the user may choose.

    Attributes:
        create: create the table when it is not there.
        key: the columns that tell rows apart; None takes the table's primary key if the file has it.
        dialect: how the file is written.
        reject_file: where bad lines go; None puts `<file>.rejects.csv` into the current directory.
        max_rejects: how many bad lines are put up with; one more and nothing is loaded.
    """

    create: bool = False
    key: tuple[str, ...] | None = None
    dialect: Dialect = field(default_factory=Dialect)
    reject_file: Path | None = None
    max_rejects: int = 1000


@dataclass(frozen=True)
class Progress:
    """How far a load is: `phase` is `reading`, `checking` or `writing`; bytes as the file lies on disk."""

    phase: str
    read_bytes: int
    total_bytes: int | None
    rows: int


@dataclass(frozen=True)
class LoadReport:
    """What a load did. `columns` are (header, column, type); `duplicates` are lines a later one replaced."""

    table: TableName
    created: bool
    key: tuple[str, ...]
    columns: tuple[tuple[str, str, str], ...]
    inserted: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    reject_file: Path | None
    file_bytes: int
    elapsed_s: float

    @property
    def rows(self) -> int:
        """Rows of the file that are in the table now."""
        return self.inserted + self.updated + self.unchanged

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "version": 1,
            "table": str(self.table),
            "created": self.created,
            "key": list(self.key),
            "columns": [
                {"header": header, "name": name, "type": kind} for header, name, kind in self.columns
            ],
            "rows": self.rows,
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "reject_file": str(self.reject_file) if self.reject_file else None,
            "file_bytes": self.file_bytes,
            "elapsed_s": round(self.elapsed_s, 3),
        }


def load_csv(
    connection: Connection,
    source: Path | BinaryIO,
    table: TableName,
    options: LoadOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> LoadReport:
    """Load `source` into `table`, in one transaction on `connection`.

    Rows of a file with a key replace those of the table with the same key; rows without one are added. Of
    several lines with one key the last wins. Interrupting it leaves the table as it was.

    Raises:
        HeadraceError: the file, its header or the table do not fit, too many bad lines, or the server refused
            the rows as a whole (a foreign key, another unique index, a trigger).
    """
    options = options or LoadOptions()
    started = time.monotonic()
    with _opened(source) as (raw, name, size), open_plain(raw) as plain:
        reader = CsvReader(plain, options.dialect)
        if reader.width == 0:
            raise HeadraceError("csv-empty", f"{name} holds no line", where=Where(file=name))
        rejects = RejectFile(
            options.reject_file or Path(f"{Path(name).name}.rejects.csv"), options.max_rejects
        )
        load = _Load(connection, reader, table, options, rejects)
        report: LoadReport | None = None
        try:
            with connection.transaction():
                report = load.run(raw, size, started, progress or (lambda _: None))
        except psycopg.Error as error:
            if report is not None and connection.broken:
                raise _outcome_unknown(error, report) from error
            raise _refused(error, table) from error
        return report


class _Load:
    """One run, in the order things happen."""

    def __init__(
        self,
        connection: Connection,
        reader: CsvReader,
        table: TableName,
        options: LoadOptions,
        rejects: RejectFile,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._table = table
        self._options = options
        self._rejects = rejects
        self._rows = 0

    def run(
        self, raw: BinaryIO, size: int | None, started: float, progress: Callable[[Progress], None]
    ) -> LoadReport:
        self._connection.execute("SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'")
        oid = target.oid_of(self._connection, self._table)
        if oid is None and not self._options.create:
            raise HeadraceError(
                "table-missing",
                f"there is no table {self._table}",
                hint="give --create to have it made for this file",
                where=Where(address=f"table:{self._table}"),
            )
        into = self._existing(oid) if oid is not None else None
        guess = TableGuess(self._reader.width) if into is None else None
        self._stage(raw, size, guess, progress)
        if into is None and guess is not None:
            types = [column.chosen.value for column in guess.columns]
            into = target.create(
                self._connection, self._table, self._reader.columns, types, self._options.key
            )
        assert into is not None
        done = raw.tell() if size is not None else 0
        progress(Progress("checking", done, size, self._rows))
        staging.reject_unfit(self._connection, into, self._reject)
        progress(Progress("writing", done, size, self._rows))
        duplicates = 0
        if into.key:
            duplicates = staging.type_rows(self._connection, into)
            inserted, updated, unchanged = staging.merge(self._connection, into)
        else:
            inserted, updated, unchanged = staging.append(self._connection, into), 0, 0
        target.advance_sequences(self._connection, into)
        return LoadReport(
            table=self._table,
            created=into.created,
            key=into.key,
            columns=tuple((column.header, column.name, column.pg_type) for column in into.columns),
            inserted=inserted,
            updated=updated,
            unchanged=unchanged,
            duplicates=duplicates,
            rejected=len(self._rejects),
            reject_file=self._rejects.write(),
            file_bytes=size or 0,
            elapsed_s=time.monotonic() - started,
        )

    def _existing(self, oid: int) -> Target:
        return target.existing(
            self._connection, self._table, oid, self._reader.columns, self._reader.width, self._options.key
        )

    def _stage(
        self, raw: BinaryIO, size: int | None, guess: TableGuess | None, progress: Callable[[Progress], None]
    ) -> None:
        staging.create_raw(self._connection, self._reader.width)
        with self._connection.cursor() as cursor, cursor.copy(staging.copy_statement()) as copy:
            for batch in self._reader.batches():
                for bad in batch.bad:
                    self._rejects.add(bad)
                if batch.rows:
                    if guess is not None:
                        guess.observe(batch.rows)
                    copy.write(staging.copy_lines(batch.lines, batch.rows))
                    self._rows += len(batch.rows)
                progress(Progress("reading", raw.tell() if size is not None else 0, size, self._rows))

    def _reject(self, line: int, reason: str) -> None:
        self._rejects.add(BadLine(line, reason, self._content(line)))

    def _content(self, line: int) -> str:
        fields: Sequence[str | None] = staging.staged_row(self._connection, line, self._reader.width)
        return self._options.dialect.delimiter.join(
            self._options.dialect.null if value is None else value for value in fields
        )


@contextmanager
def _opened(source: Path | BinaryIO) -> Generator[tuple[BinaryIO, str, int | None]]:
    """The bytes of the file, its name for people, and its size when that is known."""
    if not isinstance(source, Path):
        yield source, getattr(source, "name", "stdin"), None
        return
    try:
        stream = source.open("rb")
    except OSError as error:
        raise HeadraceError(
            "csv-unreadable", f"{source} cannot be read", cause=error.strerror, where=Where(file=str(source))
        ) from error
    with stream:
        yield stream, str(source), source.stat().st_size


def _outcome_unknown(error: psycopg.Error, report: LoadReport) -> HeadraceError:
    """COMMIT was sent and the connection lost before its answer."""
    again = "run it again: rows with a key that are there already change nothing"
    look = "look whether the rows are there before you run it again: without a key they would be added twice"
    return HeadraceError(
        "load-outcome-unknown",
        f"the connection was lost while the load into {report.table} was being committed",
        cause=f"either all of it is there or nothing: {without_values(error)}",
        hint=again if report.key else look,
        where=Where(address=f"table:{report.table}"),
    )


def _refused(error: psycopg.Error, table: TableName) -> HeadraceError:
    """What the server said and what to do about it."""
    constraint = error.diag.constraint_name
    if isinstance(error, psycopg.OperationalError):
        hint = "nothing was loaded; see that the server is up and run it again"
    elif isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = "nothing was loaded; the role needs SELECT, INSERT, UPDATE on the table, TEMP on the database"
    elif constraint:
        hint = f"nothing was loaded; the rows of the file do not fit the constraint {constraint}"
    else:
        hint = "nothing was loaded"
    return HeadraceError(
        "load-refused",
        f"PostgreSQL refused the load into {table}",
        cause=without_values(error),
        hint=hint,
        where=Where(address=f"table:{table}"),
    )
