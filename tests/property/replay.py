"""Runs a history on PostgreSQL, and compares what a reader sees with what the oracle says."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import psycopg
from psycopg import sql

from tests.property.histories import SESSIONS, History, Statement
from tests.property.model import Contents, expected_rows
from tests.property.tables import PRELUDE, Column, Table, Value

Reader = Callable[[Table], Iterable[Sequence[object]]]
"""Rows of a table, values in the order of its columns: texts as PostgreSQL prints them, or plain values."""


def create_tables(connection: psycopg.Connection, tables: Iterable[Table], *, full_identity: bool) -> None:
    """Make the tables and what they need; with REPLICA IDENTITY FULL where nobody else sets it."""
    for statement in PRELUDE:
        connection.execute(statement)  # type: ignore[call-overload]
    for table in tables:
        for statement in table.ddl():
            connection.execute(statement)  # type: ignore[call-overload]
        if full_identity:
            name = sql.Identifier(table.name)
            connection.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(name))


class Replayer:
    """Connections for the sessions of a history; statements run one after the other, in its order."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self._sessions = [connect() for _ in range(SESSIONS)]
        for session in self._sessions:
            session.autocommit = True
            # A statement that waits is a mistake of the history; say so instead of hanging.
            session.execute("SET lock_timeout = '10s'; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'")

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    def run(self, history: History, before: Callable[[Statement], None] | None = None) -> None:
        """Execute every statement; AssertionError when one ends otherwise than the history says."""
        for statement in history.statements:
            if before is not None:
                before(statement)
            self._execute(statement)

    def _execute(self, statement: Statement) -> None:
        connection = self._sessions[statement.session]
        try:
            if statement.copy is not None:
                with connection.cursor() as cursor, cursor.copy(statement.sql) as copy:  # type: ignore[arg-type]
                    for row in statement.copy:
                        copy.write_row(row)
            else:
                connection.execute(statement.sql, statement.parameters or None)  # type: ignore[arg-type]
        except psycopg.Error as error:
            assert statement.fails == error.sqlstate, f"{statement!r}: {error.diag.message_primary}"
        else:
            assert statement.fails is None, f"{statement!r} was to be refused"


def postgres_reader(connection: psycopg.Connection) -> Reader:
    """Rows as PostgreSQL prints them."""
    connection.execute("SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'")

    def read(table: Table) -> Iterable[Sequence[object]]:
        # I/O conversion, not ::text: that would trim a char(n).
        columns = sql.SQL(", ").join(
            sql.SQL("format('%s', {0}), {0} IS NULL").format(sql.Identifier(c.name)) for c in table.columns
        )
        found = connection.execute(sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table.name)))
        for row in found:
            yield [None if row[n + 1] else row[n] for n in range(0, len(row), 2)]

    return read


def differences(
    table: Table,
    contents: Contents,
    rows: Iterable[Sequence[object]],
    *,
    by_text: bool,
    columns: set[str] | None = None,
) -> list[str]:
    """What a reader's rows have that the oracle has not, and the other way round; empty when they are equal.

    By text every row counts; by plain value rows that cannot be carried are expected to be absent. `columns`
    limits the comparison to the columns that are carried.
    """
    expected = dict(contents if by_text else expected_rows(contents))
    found: list[str] = []
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        key = tuple(_key_text(value) for value in row[: table.key_width])
        if key in seen:
            found.append(f"{table.name} {key!r:.60}: twice")
            continue
        seen.add(key)
        if key not in expected:
            found.append(f"{table.name} {key!r:.60}: not in the oracle")
            continue
        for column, want, got in zip(table.columns, expected[key], row, strict=True):
            if columns is not None and column.name not in columns:
                continue
            if not (_same_text(want, got) if by_text else _same_value(column, want, got)):
                shown = None if want is None else want.text if by_text else want.plain
                found.append(f"{table.name} {key!r:.60}.{column.name}: {got!r:.80}, want {shown!r:.80}")
    found += [f"{table.name} {key!r:.60}: missing" for key in expected.keys() - seen]
    return found


def _key_text(value: object) -> str:
    return str(value)


def _same_text(want: Value | None, got: object) -> bool:
    return (None if want is None else want.text) == got


def _same_value(column: Column, want: Value | None, got: object) -> bool:
    if want is None or got is None:
        return want is None and got is None
    plain = want.plain
    if isinstance(plain, Decimal):
        return isinstance(got, Decimal | str | int) and Decimal(got) == plain
    if column.sql_type == "real":
        return isinstance(got, float | int) and struct.pack("f", got) == struct.pack("f", plain)
    if isinstance(plain, list):
        return json.loads(got) == plain if isinstance(got, str) else got == plain
    return type(plain) is type(got) and plain == got
