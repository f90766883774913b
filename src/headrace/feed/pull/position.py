"""How far a pull has come, kept in the database it writes to.

Promise: a position is written in the transaction of the rows it stands behind. Whenever the process ends, and
however, the database holds both or neither.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from headrace.errors import HeadraceError
from headrace.feed.pull.paging import Place
from headrace.feed.target import Connection
from headrace.names import TableName

SCHEMA = "headrace_feed"
_LOCK_CLASS = 0x5075_6C6C


@dataclass(frozen=True)
class Position:
    """Where to go on.

    Attributes:
        style: how the list is divided, as found at the first answer.
        key: the fields that tell rows apart.
        place: the next page of the pass that is under way; None between passes.
        since: what the pass under way asked for as the oldest change.
        seen: the latest `updated_at` of the pass under way.
        high: the latest `updated_at` of all completed passes.
        fields: the fields rows had so far; a row that lacks one of them has NULL there.
        passes: how many were completed.
    """

    style: dict[str, Any] | None = None
    key: tuple[str, ...] = ()
    place: Place | None = None
    since: str | None = None
    seen: str | None = None
    high: str | None = None
    fields: tuple[str, ...] = ()
    passes: int = 0

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Position:
        known = {name: value for name, value in values.items() if name in cls.__dataclass_fields__}
        known["key"], known["fields"] = tuple(known.get("key", ())), tuple(known.get("fields", ()))
        return cls(**known)


class PositionStore:
    """The position of one list in one table. Only one process at a time has it."""

    def __init__(self, connection: Connection, table: TableName, source: str, shown: str) -> None:
        self._connection = connection
        self._table = table
        self._source = source
        self._shown = shown

    def open(self) -> Position:
        """Make our schema if it is not there, take the lock, read the position."""
        try:
            found = self._connection.execute(
                "SELECT to_regclass('headrace_feed.positions') IS NOT NULL"
            ).fetchone()
            if not found or not found[0]:
                with self._connection.transaction():
                    self._connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_LOCK_CLASS,))
                    self._connection.execute("CREATE SCHEMA IF NOT EXISTS headrace_feed")
                    self._connection.execute(
                        "CREATE TABLE IF NOT EXISTS headrace_feed.positions (table_name text NOT NULL,"
                        " source text NOT NULL, url text NOT NULL, position jsonb NOT NULL,"
                        " updated_at timestamptz NOT NULL, PRIMARY KEY (table_name, source))"
                    )
        except psycopg.errors.InsufficientPrivilege as error:
            raise HeadraceError(
                "feed-schema-refused",
                f"the role may not make the schema {SCHEMA}, which keeps how far a pull has come",
                cause=error.diag.message_primary,
                hint=f"as owner of the database: CREATE SCHEMA {SCHEMA} AUTHORIZATION the_role",
            ) from error
        self._lock()
        row = self._connection.execute(
            "SELECT position FROM headrace_feed.positions WHERE table_name = %s AND source = %s",
            (str(self._table), self._source),
        ).fetchone()
        return Position.parse(row[0]) if row else Position()

    def save(self, position: Position) -> None:
        """Write the position, in the caller's transaction."""
        self._connection.execute(
            "INSERT INTO headrace_feed.positions VALUES (%s, %s, %s, %s, now())"
            " ON CONFLICT (table_name, source) DO UPDATE SET position = EXCLUDED.position,"
            " url = EXCLUDED.url, updated_at = now()",
            (str(self._table), self._source, self._shown, position.text()),
        )

    def forget(self) -> None:
        """The next pull begins at the beginning."""
        self._connection.execute(
            "DELETE FROM headrace_feed.positions WHERE table_name = %s AND source = %s",
            (str(self._table), self._source),
        )

    def _lock(self) -> None:
        # A killed puller's session ends a moment after it.
        self._connection.execute("SET lock_timeout = '5s'")
        try:
            self._connection.execute(
                "SELECT pg_advisory_lock(%s, hashtext(%s))", (_LOCK_CLASS, f"{self._table}\n{self._source}")
            )
        except psycopg.errors.LockNotAvailable as error:
            raise HeadraceError(
                "feed-pull-running",
                f"another process pulls this list into {self._table}",
                hint="let it, or end it first",
            ) from error
        finally:
            self._connection.execute("RESET lock_timeout")
