"""ALTER TABLE without queueing everybody else behind it."""

from __future__ import annotations

import time

import psycopg
from psycopg import sql

from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.refusal import without_values
from headrace.names import TableName

LOCK_TIMEOUT_MS = 1_500
"""Above the usual `deadlock_timeout`, after which an autovacuum in the way gives up."""

ATTEMPTS = 10
_PAUSE_S = 1.0

_HOLDERS = """
SELECT string_agg(DISTINCT format('process %%s of %%s (%%s, since %%s)', a.pid, a.usename,
                                  coalesce(nullif(a.application_name, ''), 'no name'),
                                  date_trunc('second', a.xact_start)), ', ')
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.relation = to_regclass(%s) AND l.granted AND a.pid <> pg_backend_pid()
"""


def quoted(table: TableName) -> sql.Identifier:
    return sql.Identifier(table.schema, table.table)


def alter(
    client: SourceClient, table: TableName, statement: sql.Composed, *, attempts: int = ATTEMPTS
) -> None:
    """Run a statement that needs a strong lock on `table`, in a transaction of its own.

    A waiting ALTER makes all later queries of the table wait too, so it waits for a moment only, lets
    everybody pass, and tries again. Raises HeadraceError with the holders' names when that never succeeds.
    """
    for attempt in range(attempts):
        if attempt:
            time.sleep(_PAUSE_S)
        try:
            with client.transaction(lock_timeout_ms=LOCK_TIMEOUT_MS):
                client.execute(statement)
            return
        except psycopg.errors.LockNotAvailable:
            continue
        except psycopg.errors.InsufficientPrivilege as error:
            raise not_owner(table, error) from error
    name = quoted(table).as_string()
    raise HeadraceError(
        "source-table-locked",
        f"{table} stayed locked by other sessions",
        cause=client.value(_HOLDERS, (name,)) or "the lock was free again at the last look",
        hint="run again when they are done, or end the longest: SELECT pg_terminate_backend(<process>)",
    )


def not_owner(table: TableName, error: psycopg.Error) -> HeadraceError:
    """The failure to change somebody else's table."""
    return HeadraceError(
        "source-not-owner",
        f"this role may not change {table}",
        cause=without_values(error),
        hint="`headrace grants` prints the SQL that allows it",
    )
