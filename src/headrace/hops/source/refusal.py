"""What PostgreSQL said against something: the known failure it is, its remedy, and no value of a row."""

from __future__ import annotations

import psycopg

from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError

_OF_THE_CONNECTION = ("08", "57P")
"""Classes of SQLSTATE that say so (PostgreSQL's appendix A); libpq's own messages have none."""

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


def without_values(error: psycopg.Error) -> str:
    """The server's message without the values of rows: its details are left out, and what it quotes."""
    cause = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    return cause.partition(': "')[0] if isinstance(error, psycopg.DataError) else cause


def refused(error: psycopg.Error, address: SourceAddress) -> HeadraceError:
    """What became of a question to a source that was reached before: it is gone, or it refused."""
    state = error.sqlstate or ""
    if isinstance(error, psycopg.OperationalError) and (not state or state.startswith(_OF_THE_CONNECTION)):
        return connection_error(error, address)
    text = without_values(error)
    known = _known(text, address) if isinstance(error, psycopg.OperationalError) else None
    return known or HeadraceError(
        "source-refused",
        "PostgreSQL refused what headrace asked of it",
        cause=text,
        hint="`headrace grants` prints the rights the role needs",
    )


def connection_error(error: psycopg.OperationalError, address: SourceAddress) -> HeadraceError:
    """The failure to connect, with its remedy; the password stands in none of libpq's messages."""
    text = " ".join(str(error).split())
    known = _known(text, address)
    if known is not None:
        return known
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


def _known(text: str, address: SourceAddress) -> HeadraceError | None:
    names = {"user": address.user, "database": address.database}
    for needle, code, summary, hint in _REMEDIES:
        if needle in text:
            return HeadraceError(code, summary.format(**names), cause=text, hint=hint.format(**names))
    return None
