"""A thin PostgreSQL client: sessions with known settings, and connection failures said with their remedy.

No policy lives here. Sessions are autocommit, have a statement timeout, and have the settings under which a
value's text is always the same (types.SESSION_SETTINGS).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from headrace.closing import Closing
from headrace.endpoints import SourceAddress
from headrace.hops.source.refusal import connection_error, refused
from headrace.hops.source.types import SESSION_OPTIONS

CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_MS = 30_000

Parameters = Sequence[object] | Mapping[str, object] | None
Row = dict[str, Any]


class SourceClient(Closing):
    """One session with the operational PostgreSQL. Close it, or use it in a `with`.

    What PostgreSQL says against a question leaves a `with` as a HeadraceError, without the values of rows.
    Not for several threads at once: each takes its own.
    """

    def __init__(self, connection: psycopg.Connection[Row], address: SourceAddress) -> None:
        self.connection = connection
        self.address = address

    @classmethod
    def connect(
        cls, address: SourceAddress, *, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS
    ) -> SourceClient:
        """Open a session; raises HeadraceError with a remedy when that fails."""
        options = f"{SESSION_OPTIONS} -c statement_timeout={statement_timeout_ms}"
        try:
            connection = psycopg.Connection[Row].connect(
                make_conninfo("", **address.conninfo(), connect_timeout=CONNECT_TIMEOUT_S, options=options),
                autocommit=True,
                row_factory=dict_row,
                prepare_threshold=None,
            )
        except psycopg.OperationalError as error:
            raise connection_error(error, address) from error
        return cls(connection, address)

    def rows(self, query: LiteralString | sql.Composed, parameters: Parameters = None) -> list[Row]:
        """All rows of a query, as mappings by column name."""
        with self.connection.cursor() as cursor:
            return cursor.execute(query, parameters).fetchall()

    def row(self, query: LiteralString | sql.Composed, parameters: Parameters = None) -> Row | None:
        """The first row, or None."""
        with self.connection.cursor() as cursor:
            return cursor.execute(query, parameters).fetchone()

    def value(self, query: LiteralString | sql.Composed, parameters: Parameters = None) -> Any:
        """The first column of the first row, or None."""
        row = self.row(query, parameters)
        return None if row is None else next(iter(row.values()))

    def execute(self, query: LiteralString | sql.Composed, parameters: Parameters = None) -> None:
        """Run a statement whose rows are not wanted."""
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)

    @contextmanager
    def transaction(self, *, lock_timeout_ms: int | None = None) -> Generator[None]:
        """One transaction; with `lock_timeout_ms` no statement in it waits longer for a lock."""
        with self.connection.transaction():
            if lock_timeout_ms is not None:
                self.execute("SELECT set_config('lock_timeout', %s, true)", (f"{lock_timeout_ms}ms",))
            yield

    def close(self) -> None:
        self.connection.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, psycopg.Error):
            raise refused(error, self.address) from error
