"""One moment of PostgreSQL: rows and the transactions they come from."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString, cast

import psycopg
from psycopg import sql

from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.refusal import without_values
from headrace.names import TableName
from headrace.verify.normalise import RowText, key_literals

_XID_SPACE = 1 << 32
STATEMENT_TIMEOUT_MS = 3_600_000
LOCK_TIMEOUT_MS = 60_000


@dataclass(frozen=True)
class Visibility:
    """`pg_current_snapshot()`: which transactions the snapshot contains."""

    xmin: int
    xmax: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Visibility:
        """`100:105:101,103`."""
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(int(xid) for xid in running.split(",") if xid))

    @property
    def settled(self) -> range:
        """Transaction numbers, as Debezium gives them, that are surely in the snapshot: the fast answer."""
        low = self.xmin & (_XID_SPACE - 1)
        return range(max(low - _XID_SPACE // 2, 0), low)

    def sees(self, txid: int) -> bool:
        """Whether the snapshot contains a transaction; Debezium gives its number without the epoch.

        -1 stands for a row without a transaction: it was there before.
        """
        if txid < 0:
            return True
        # The whole number is the nearest one to the snapshot's: transactions live within half the space.
        full = (self.xmax & ~(_XID_SPACE - 1)) | (txid & (_XID_SPACE - 1))
        if full - self.xmax > _XID_SPACE // 2:
            full -= _XID_SPACE
        elif self.xmax - full > _XID_SPACE // 2:
            full += _XID_SPACE
        return full < self.xmin or (full < self.xmax and full not in self.running)


@dataclass(frozen=True)
class SourceSnapshot:
    """An open REPEATABLE READ transaction; everything read in it is of one moment."""

    client: SourceClient
    visibility: Visibility

    def lines(self, text: RowText) -> Generator[str]:
        """Every row of the table as a line of COPY, without the line end."""
        table = text.contract.table
        query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            text.source_fields(), sql.Identifier(table.schema, table.table)
        )
        yield from self._copy(query)

    def answer(self, text: RowText, query: str) -> Generator[str]:
        """Every row of what a query answers, as `lines`; its columns are named as the text's."""
        yield from self._copy(
            sql.SQL("COPY (SELECT {} FROM ({}) AS answer) TO STDOUT").format(
                text.source_fields(), sql.SQL(cast(LiteralString, query))
            )
        )

    def rows(self, text: RowText, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], list[str]]:
        """The rows of some keys (fields as COPY writes them), by key."""
        table = text.contract.table
        wanted = [key_literals(text, key) for key in keys]
        if not wanted:
            return {}
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in text.contract.key)
        query = sql.SQL("COPY (SELECT {} FROM {} WHERE ({}) IN ({})) TO STDOUT").format(
            text.source_fields(),
            sql.Identifier(table.schema, table.table),
            columns,
            sql.SQL(", ").join(
                sql.SQL("({})").format(sql.SQL(", ").join(sql.Literal(value) for value in key))
                for key in wanted
            ),
        )
        found: dict[tuple[str, ...], list[str]] = {}
        for line in self._copy(query):
            parts = line.split("\t")
            found[tuple(parts[: text.key_width])] = parts
        return found

    def _copy(self, query: sql.Composed) -> Generator[str]:
        try:
            with self.client.connection.cursor() as cursor, cursor.copy(query) as copy:
                rest = ""
                for block in copy:
                    lines = (rest + bytes(block).decode()).split("\n")
                    rest = lines.pop()
                    yield from lines
        except psycopg.Error as error:
            raise _unreadable(error) from error


@contextmanager
def open_snapshot(address: SourceAddress, table: TableName) -> Generator[SourceSnapshot]:
    """A snapshot of the source as it is now, read only, closed at the end.

    `table` is kept from being truncated or rewritten until then: an older snapshot would see it empty.
    """
    with SourceClient.connect(address, statement_timeout_ms=STATEMENT_TIMEOUT_MS) as client:
        try:
            lock = _lock(client, table)
            client.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if lock is not None:
                # Neither statement takes the snapshot; the next one does.
                client.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT_MS))
                client.execute(lock)
            text = str(client.value("SELECT pg_current_snapshot()::text"))
        except psycopg.errors.LockNotAvailable as error:
            raise HeadraceError(
                "verify-locked",
                f"{table} stayed locked by another session",
                cause=without_values(error),
                hint="run it again when the ALTER TABLE, TRUNCATE or VACUUM FULL there is done",
            ) from error
        except psycopg.Error as error:
            raise _unreadable(error) from error
        try:
            yield SourceSnapshot(client, Visibility.parse(text))
        finally:
            if not client.connection.closed:
                client.execute("ROLLBACK")


def _lock(client: SourceClient, table: TableName) -> sql.Composed | None:
    """The statement for the lock of a SELECT; None where the role may not read the table, or there is none.

    PostgreSQL lets such a role read, but not lock before it reads.
    """
    name = sql.Identifier(table.schema, table.table)
    # Of a table that is gone to_regclass is NULL, and so is the answer.
    if not client.value("SELECT has_table_privilege(to_regclass(%s), 'SELECT')", (name.as_string(),)):
        return None
    return sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(name)


def _unreadable(error: psycopg.Error) -> HeadraceError:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = "the role needs SELECT on the table: `headrace grants` prints the SQL"
    elif (error.sqlstate or "").startswith("42"):  # a name or a type that does not fit any more
        hint = "the table has changed: `headrace plan` shows what to do"
    else:
        hint = "run it again when the cause is gone"
    return HeadraceError(
        "verify-source",
        "PostgreSQL did not let the rows be read",
        cause=without_values(error),
        hint=hint,
    )
