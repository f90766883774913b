"""The SQL that makes a role able to do what headrace does, and nothing else.

Promise: the text is complete and can be run again; run by an administrator in the source's database it makes
`preflight` pass for those tables. It holds no password.

Why the role must be a member of the tables' owners: PostgreSQL lets only owners set a replica identity or
publish a table. A table that belongs to a superuser is handed to a role without login first, for membership
in a superuser would be far more than is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from headrace.hops.source.client import SourceClient
from headrace.names import TableName


class Provider(StrEnum):
    """Who runs the server: they differ in how replication is allowed."""

    SELF = "self"
    RDS = "rds"
    CLOUDSQL = "cloudsql"
    AZURE = "azure"


@dataclass(frozen=True)
class Owner:
    """Who a table belongs to.

    Attributes:
        partitions: the partitions below it, which have owners of their own.
    """

    role: str
    superuser: bool
    partitions: tuple[TableName, ...] = ()


_OWNERS = """
SELECT n.nspname AS schema, c.relname AS name, r.rolname AS owner, r.rolsuper AS superuser,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(pn.nspname, p.relname) ORDER BY 1), '[]')
          FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid
          JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE p.oid <> c.oid) AS partitions
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
 WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND c.relkind IN ('r', 'p')
"""

_PROVIDER = """
SELECT CASE WHEN bool_or(name LIKE 'rds.%%') THEN 'rds' WHEN bool_or(name LIKE 'cloudsql.%%') THEN 'cloudsql'
            WHEN bool_or(name LIKE 'azure.%%') THEN 'azure' ELSE 'self' END
  FROM pg_settings
"""


def read_owners(client: SourceClient, tables: Sequence[TableName]) -> dict[TableName, Owner]:
    """The owners of those of `tables` that exist; any role may read this."""
    rows = client.rows(_OWNERS, ([t.schema for t in tables], [t.table for t in tables]))
    return {
        TableName(row["schema"], row["name"]): Owner(
            row["owner"], row["superuser"], tuple(TableName(s, n) for s, n in row["partitions"])
        )
        for row in rows
    }


def provider(client: SourceClient) -> Provider:
    """Who runs the server, told by the settings it has."""
    return Provider(client.value(_PROVIDER))


def grants(
    role: str,
    database: str,
    tables: Sequence[TableName],
    owners: Mapping[TableName, Owner] | None,
    *,
    runs_it: Provider = Provider.SELF,
) -> list[str]:
    """The statements in their order, each ending in a semicolon; pure.

    Args:
        role: the role headrace connects as.
        database: the source's database; the statements are to be run in it.
        tables: the declared tables.
        owners: who they belong to; None when nobody could be asked, then a block finds out where it is run.
        runs_it: decides how replication is allowed.
    """
    return [
        *_role(role, runs_it),
        f"GRANT CONNECT, CREATE ON DATABASE {_name(database)} TO {_name(role)};",
        *(
            f"GRANT USAGE ON SCHEMA {_name(schema)} TO {_name(role)};"
            for schema in sorted({t.schema for t in tables})
        ),
        *(f"GRANT SELECT ON {_table(table)} TO {_name(role)};" for table in sorted(tables)),
        *([_ownership_block(role, tables)] if owners is None else _ownership(role, owners)),
    ]


def _role(role: str, runs_it: Provider) -> list[str]:
    """The role itself; PostgreSQL has no CREATE ROLE IF NOT EXISTS."""
    quoted = _name(role)
    made = (
        f"DO $$ BEGIN CREATE ROLE {quoted} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        "  -- then set its password, in psql: \\password " + role
    )
    if runs_it is Provider.RDS:
        return [made, f"GRANT rds_replication TO {quoted};"]
    return [made, f"ALTER ROLE {quoted} LOGIN REPLICATION;"]


def _ownership(role: str, tables: Mapping[TableName, Owner]) -> list[str]:
    statements: list[str] = []
    group = f"{role}_tables"
    of_superusers = [table for table, owner in sorted(tables.items()) if owner.superuser]
    if of_superusers:
        statements.append(
            f"DO $$ BEGIN CREATE ROLE {_name(group)} NOLOGIN; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        )
        for schema in sorted({table.schema for table in of_superusers}):
            statements.append(f"GRANT USAGE, CREATE ON SCHEMA {_name(schema)} TO {_name(group)};")
        for table in of_superusers:
            for each in (table, *tables[table].partitions):
                statements.append(f"ALTER TABLE {_table(each)} OWNER TO {_name(group)};")
        for schema in sorted({table.schema for table in of_superusers}):
            statements.append(f"REVOKE CREATE ON SCHEMA {_name(schema)} FROM {_name(group)};")
    owners = {owner.role for owner in tables.values() if not owner.superuser and owner.role != role}
    owners |= {group} if of_superusers else set()
    statements += [f"GRANT {_name(owner)} TO {_name(role)};" for owner in sorted(owners)]
    return statements


_BLOCK = """\
DO $$
DECLARE
    found record;
    part regclass;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS name, n.nspname AS schema, r.rolname AS owner, r.rolsuper AS superuser
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
         WHERE c.oid IN ({tables}) AND r.rolname <> {role}
    LOOP
        IF found.superuser THEN
            IF to_regrole(quote_ident({group})) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', {group});
            END IF;
            EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', found.schema, {group});
            FOR part IN SELECT found.name UNION SELECT relid FROM pg_partition_tree(found.name) LOOP
                EXECUTE format('ALTER TABLE %s OWNER TO %I', part, {group});
            END LOOP;
            EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM %I', found.schema, {group});
            found.owner := {group};
        END IF;
        EXECUTE format('GRANT %I TO %I', found.owner, {role});
    END LOOP;
END $$;"""


def _ownership_block(role: str, tables: Sequence[TableName]) -> str:
    """What `_ownership` writes out, for a server that could not be asked."""
    return _BLOCK.format(
        tables=", ".join(f"{_literal(_table(table))}::regclass" for table in sorted(tables)),
        role=_literal(role),
        group=_literal(f"{role}_tables"),
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _table(table: TableName) -> str:
    return f"{_name(table.schema)}.{_name(table.table)}"
