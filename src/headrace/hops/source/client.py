"""A thin PostgreSQL client: sessions with known settings, and connection failures said with their remedy.

No policy lives here. Sessions are autocommit, have a statement timeout, and have the settings under which a
value's text is always the same (types.SESSION_SETTINGS).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from headrace.closing import Closing
from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError
from headrace.hops.source.types import SESSION_OPTIONS

CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_MS = 30_000

Parameters = Sequence[object] | Mapping[str, object] | None
Row = dict[str, Any]


class SourceClient(Closing):
    """One session with the operational PostgreSQL. Close it, or use it in a `with`.

    Not for several threads at once: each takes its own.
    """

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self.connection = connection

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
        return cls(connection)

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


_REMEDIES: tuple[tuple[str, str, str, str], ...] = (
    (
        "password authentication failed",
        "source-password-wrong",
        "PostgreSQL refused the password of user {user}",
        "check the reference in `source.password`; set a new one with ALTER ROLE {user} PASSWORD '…'",
    ),
    (
        "no password supplied",
        "source-password-missing",
        "PostgreSQL asks for a password of user {user} and none is declared",
        "add `source.password: env:NAME` to headrace.yaml",
    ),
    (
        "no pg_hba.conf entry",
        "source-not-admitted",
        "PostgreSQL does not admit user {user} from this machine",
        "add a line to pg_hba.conf for this address, or set `source.sslmode: require` if it admits TLS only",
    ),
    (
        "server does not support SSL",
        "source-ssl-unsupported",
        "the server has no TLS but `sslmode` demands it",
        "set `source.sslmode: prefer`, or give the server a certificate",
    ),
    (
        "certificate",
        "source-certificate-refused",
        "the server's certificate was not accepted",
        "set `source.sslrootcert` to the file of the authority that signed it, and use the host it names",
    ),
    (
        "does not exist",
        "source-unknown-name",
        "PostgreSQL knows no such database or role",
        "check `source.database` ({database}) and `source.user` ({user})",
    ),
    (
        "too many clients",
        "source-too-many-connections",
        "PostgreSQL has no connection left",
        "raise max_connections, or close idle sessions (SELECT * FROM pg_stat_activity)",
    ),
    (
        "remaining connection slots",
        "source-too-many-connections",
        "PostgreSQL has no connection left for ordinary roles",
        "raise max_connections, or close idle sessions (SELECT * FROM pg_stat_activity)",
    ),
    (
        "starting up",
        "source-starting",
        "PostgreSQL is still starting",
        "try again in a moment",
    ),
    (
        "statement timeout",
        "source-too-slow",
        "PostgreSQL did not answer a question within its time",
        "try again when the server is less busy; pg_stat_activity shows what it does",
    ),
    (
        "unsupported startup parameter",
        "source-transaction-pooler",
        "a connection pooler stands between headrace and PostgreSQL",
        "give `source.host` and `source.port` of PostgreSQL itself: logical replication cannot pass a pooler",
    ),
)


def connection_error(error: psycopg.OperationalError, address: SourceAddress) -> HeadraceError:
    """The failure to connect, with its remedy; the password stands in none of libpq's messages."""
    text = " ".join(str(error).split())
    names = {"user": address.user, "database": address.database}
    for needle, code, summary, hint in _REMEDIES:
        if needle in text:
            return HeadraceError(code, summary.format(**names), cause=text, hint=hint.format(**names))
    place = f"{address.host}:{address.port}"
    if "could not translate host name" in text or "Name or service not known" in text:
        return HeadraceError(
            "source-unknown-host", f"no such host: {address.host}", cause=text, hint="check `source.host`"
        )
    return HeadraceError(
        "source-unreachable",
        f"PostgreSQL does not answer at {place}",
        cause=text,
        hint="is it running, is the port right, and does listen_addresses or a firewall admit this machine?",
    )
