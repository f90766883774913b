"""Everything a PostgreSQL must be and allow before anything is made, in one look.

Promise: all problems are found at once, each with the SQL that cures it; nothing is changed. What is merely
unwise comes as advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from headrace.endpoints import SourceAddress
from headrace.errors import HeadraceError, Where
from headrace.hops.source.client import CONNECT_TIMEOUT_S, STATEMENT_TIMEOUT_MS, Row, SourceClient
from headrace.hops.source.relations import SourceTable, read_tables
from headrace.names import TableName
from headrace.observe.watch import Alert

MINIMUM_VERSION = 140000

_SERVER = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('wal_level') AS wal_level,
       pg_is_in_recovery() AS standby,
       current_setting('max_replication_slots')::int AS slots,
       (SELECT count(*)::int FROM pg_replication_slots) AS slots_used,
       current_setting('max_wal_senders')::int AS senders,
       (SELECT count(*)::int FROM pg_stat_get_wal_senders()) AS senders_used,
       current_setting('max_slot_wal_keep_size') AS keep,
       coalesce(current_setting('idle_replication_slot_timeout', true), '0') AS idle_timeout,
       current_setting('transaction_read_only')::bool AS read_only,
       current_setting('server_encoding') AS encoding,
       current_setting('statement_timeout') AS statement_timeout,
       pg_backend_pid() AS backend_pid,
       current_user::text AS role, current_database()::text AS database,
       has_database_privilege(current_database(), 'CREATE') AS may_create,
       EXISTS (SELECT FROM pg_settings WHERE name LIKE 'rds.%%') AS rds,
       EXISTS (SELECT FROM pg_settings WHERE name LIKE 'cloudsql.%%') AS cloudsql,
       EXISTS (SELECT FROM pg_settings WHERE name LIKE 'azure.%%') AS azure
"""

_OTHERS = """
SELECT p.pubname AS name, n.nspname AS schema, c.relname AS table
  FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
  JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE r.prrelid = ANY (%s::oid[]) AND to_jsonb(r) ->> 'prattrs' IS NOT NULL
"""

_GENERATED = """
SELECT p.pubname AS name, t.schemaname AS schema, t.tablename AS table
  FROM pg_publication p JOIN pg_publication_tables t USING (pubname)
 WHERE to_jsonb(p) ->> 'pubgencols' = 'n'
   AND (t.schemaname, t.tablename) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""


@dataclass(frozen=True)
class Preflight:
    """What was found: `problems` stop everything, `advice` does not."""

    problems: tuple[HeadraceError, ...]
    advice: tuple[Alert, ...]


def preflight(
    address: SourceAddress, tables: Sequence[TableName] = (), *, new_slots: int = 1, project: str = ""
) -> Preflight:
    """Look at the server, the role's rights, and those over `tables`.

    Args:
        address: the source.
        tables: the declared tables; those that do not exist are the catalogue's to report.
        new_slots: captures about to be made.
        project: publications and slots of this project count as ours.
    """
    try:
        client = SourceClient.connect(address)
    except HeadraceError as error:
        return Preflight((error,), ())
    with client:
        server = client.row(_SERVER)
        assert server is not None
        pooler = _pooler(client, server)
        if pooler is not None:
            return Preflight((pooler,), ())
        problems = [*_server(server, new_slots)]
        if not problems:
            problems += _replication(address, server)
        found = read_tables(client, tables) if tables else {}
        problems += _rights(server, found)
        problems += _other_publications(client, found, project)
        return Preflight(tuple(problems), tuple(_advice(server)))


def _pooler(client: SourceClient, server: Row) -> HeadraceError | None:
    """A pooler answers with a process number and without the session settings we asked for."""
    same = client.connection.info.backend_pid == server["backend_pid"]
    kept = server["statement_timeout"] == f"{STATEMENT_TIMEOUT_MS // 1000}s"
    if same and kept:
        return None
    return HeadraceError(
        "source-transaction-pooler",
        "a connection pooler stands between headrace and PostgreSQL",
        cause="the session is served by another process than the one that greeted us"
        if not same
        else "settings of the session were dropped on the way",
        hint="give `source.host` and `source.port` of PostgreSQL itself: the WAL does not pass a pooler",
        where=Where(address="source.host"),
    )


def _server(server: Row, new_slots: int) -> Iterator[HeadraceError]:
    if server["version"] < MINIMUM_VERSION:
        major = server["version"] // 10000
        yield HeadraceError(
            "source-too-old", f"PostgreSQL {major} is older than 14", hint="upgrade the server to 14 or newer"
        )
    if server["standby"]:
        yield HeadraceError(
            "source-is-standby",
            "this server is a standby: tables and publications cannot be changed here",
            hint="give `source.host` of the primary",
        )
    elif server["read_only"]:
        yield HeadraceError(
            "source-read-only",
            "sessions of this role are read-only",
            hint=f"ALTER ROLE {server['role']} SET default_transaction_read_only = off",
        )
    if server["wal_level"] != "logical":
        yield HeadraceError(
            "wal-level-not-logical",
            f"wal_level is {server['wal_level']}, not logical",
            hint=_wal_level_remedy(server),
        )
    if server["slots"] - server["slots_used"] < new_slots:
        yield HeadraceError(
            "source-no-free-slot",
            f"all {server['slots']} replication slots are taken",
            hint="drop one that nobody needs (see pg_replication_slots), or "
            f"ALTER SYSTEM SET max_replication_slots = {server['slots'] + new_slots + 1} and restart",
        )
    if server["senders"] - server["senders_used"] < new_slots:
        yield HeadraceError(
            "source-no-free-walsender",
            f"all {server['senders']} walsenders are in use",
            hint=f"ALTER SYSTEM SET max_wal_senders = {server['senders'] + new_slots + 1} and restart",
        )
    if server["encoding"] == "SQL_ASCII":
        yield HeadraceError(
            "source-encoding-unknown",
            "the database has the encoding SQL_ASCII: its texts are bytes of no known encoding",
            hint="dump and restore it into a database with the encoding UTF8",
        )


def _wal_level_remedy(server: Row) -> str:
    if server["rds"]:
        return "set rds.logical_replication = 1 in the parameter group and reboot the instance"
    if server["cloudsql"]:
        return "set the flag cloudsql.logical_decoding = on and restart the instance"
    if server["azure"]:
        return "set the server parameter wal_level to LOGICAL and restart the server"
    return "ALTER SYSTEM SET wal_level = 'logical'; then restart PostgreSQL"


def _replication(address: SourceAddress, server: Row) -> Iterator[HeadraceError]:
    """Ask for a replication connection: only that shows both the right and pg_hba.conf's consent."""
    conninfo = make_conninfo(
        "", **address.conninfo(), connect_timeout=CONNECT_TIMEOUT_S, replication="database"
    )
    try:
        with psycopg.Connection.connect(conninfo, autocommit=True) as connection:
            connection.execute("IDENTIFY_SYSTEM")
    except psycopg.Error as error:
        text = " ".join(str(error).split())
        role = server["role"]
        hint = f"ALTER ROLE {role} REPLICATION"
        if server["rds"]:
            hint = f"GRANT rds_replication TO {role}"
        if "pg_hba.conf" in text:
            hint = f"add to pg_hba.conf: host {server['database']} {role} <this address> scram-sha-256"
        yield HeadraceError(
            "source-no-replication",
            f"the role {role} may not stream the WAL",
            cause=text,
            hint=hint,
            where=Where(address="source.user"),
        )


def _rights(server: Row, tables: dict[TableName, SourceTable]) -> Iterator[HeadraceError]:
    role = server["role"]
    if not server["may_create"]:
        yield HeadraceError(
            "source-no-publication-right",
            f"the role {role} may not create publications in {server['database']}",
            hint=f"GRANT CREATE ON DATABASE {server['database']} TO {role}; `headrace grants` prints it all",
        )
    for schema in sorted({name.schema for name, table in tables.items() if not table.schema_usable}):
        yield HeadraceError(
            "source-no-usage",
            f"the role {role} may not use the schema {schema}",
            hint=f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        )
    for name, table in tables.items():
        where = Where(address=f"table:{name}")
        if not table.owned:
            yield HeadraceError(
                "source-not-owner",
                f"the role {role} may not publish {name} or set its replica identity",
                cause=f"it belongs to {table.owner}, and {role} is no member of that role",
                hint=f"GRANT {table.owner} TO {role}; `headrace grants` prints all of it",
                where=where,
            )
        elif foreign := [part.table for part in table.partitions if not part.owned]:
            yield HeadraceError(
                "source-not-owner",
                f"the role {role} may not set the replica identity of {len(foreign)} partitions of {name}",
                cause=f"for instance {foreign[0]} belongs to another role",
                hint=f"ALTER TABLE {foreign[0]} OWNER TO {table.owner}",
                where=where,
            )
        elif not table.readable and not all(column.readable for column in table.columns):
            yield HeadraceError(
                "source-no-select",
                f"the role {role} may not read {name}",
                hint=f"GRANT SELECT ON {name} TO {role}",
                where=where,
            )


def _other_publications(
    client: SourceClient, tables: dict[TableName, SourceTable], project: str
) -> Iterator[HeadraceError]:
    """Somebody else's publications that would break writes once the replica identity is FULL."""
    oids = [t.oid for t in tables.values()] + [p.oid for t in tables.values() for p in t.partitions]
    ours = f"headrace_{project}_" if project else "headrace_"
    for row in client.rows(_OTHERS, (oids,)) if oids else []:
        if row["name"].startswith(ours):
            continue
        name = TableName(row["schema"], row["table"])
        yield HeadraceError(
            "source-column-list-publication",
            f"the publication {row['name']} publishes only some columns of {name}",
            cause="PostgreSQL refuses UPDATEs of a table with REPLICA IDENTITY FULL in such a publication",
            hint=f"ALTER PUBLICATION {row['name']} so that it lists {name} without columns",
            where=Where(address=f"table:{name}"),
        )
    generated = [n for n, t in tables.items() if any(c.generated == "s" for c in t.columns)]
    parameters = ([n.schema for n in generated], [n.table for n in generated])
    for row in client.rows(_GENERATED, parameters) if generated else []:
        if row["name"].startswith(ours):
            continue
        name = TableName(row["schema"], row["table"])
        yield HeadraceError(
            "source-generated-column-publication",
            f"the publication {row['name']} leaves out the generated columns of {name}",
            cause="PostgreSQL refuses UPDATEs of a table with REPLICA IDENTITY FULL in such a publication",
            hint=f"ALTER PUBLICATION {row['name']} SET (publish_generated_columns = stored)",
            where=Where(address=f"table:{name}"),
        )


def _advice(server: Row) -> Iterator[Alert]:
    if server["keep"] == "-1":
        yield Alert(
            "wal-unbounded",
            "a stopped connector makes this server keep WAL until its disk is full",
            hint="ALTER SYSTEM SET max_slot_wal_keep_size = '50GB' (or what the disk can spare); then "
            "SELECT pg_reload_conf()",
            address="source",
        )
    if server["idle_timeout"] not in ("0", "0s", "0min"):
        yield Alert(
            "slot-idle-timeout",
            f"the server drops the place of a connector that was stopped for {server['idle_timeout']}",
            hint="longer stops mean a new copy of the tables; idle_replication_slot_timeout = 0 turns it off",
            address="source",
        )
    if server["slots"] - server["slots_used"] < 2:
        yield Alert(
            "few-slots",
            "one replication slot is free: building a table anew needs another beside it",
            hint=f"ALTER SYSTEM SET max_replication_slots = {server['slots'] + 2} and restart some time",
            address="source",
        )
