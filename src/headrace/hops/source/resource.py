"""What headrace changes in PostgreSQL: replica identities and publications.

Order, which the plan keeps: identity before publication. Publishing a table without a replica identity breaks
its UPDATEs and DELETEs, and only a full old row makes unchanged large values and aggregates exact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from headrace.contract import TableContract
from headrace.errors import HeadraceError, Where
from headrace.hops.source.client import SourceClient
from headrace.hops.source.locking import alter, not_owner, quoted
from headrace.hops.source.refusal import without_values
from headrace.names import TableName
from headrace.plan.resource import Document

_PUBLISH = "insert,update,delete,truncate"
_GENERATED_SINCE = 180000

_IDENTITIES = """
SELECT n.nspname AS schema, c.relname AS name, c.relreplident::text AS identity, k.relname AS index
  FROM pg_class root
  CROSS JOIN LATERAL (SELECT root.oid AS relid UNION SELECT t.relid::oid FROM pg_partition_tree(root.oid) t) t
  JOIN pg_class c ON c.oid = t.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index x ON x.indrelid = c.oid AND x.indisreplident
  LEFT JOIN pg_class k ON k.oid = x.indexrelid
 WHERE root.oid = to_regclass(%s)
 ORDER BY c.oid <> root.oid, 1, 2
"""

_WORDS = {"d": "default", "n": "nothing", "f": "full", "i": "index"}

_PUBLISHED_ELSEWHERE = """
SELECT count(*) FROM pg_publication_tables p
  JOIN pg_class c ON c.relname = p.tablename AND c.relnamespace = to_regnamespace(quote_ident(p.schemaname))
 WHERE c.oid = to_regclass(%(root)s)
    OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass(%(root)s)))
"""

_PUBLICATION = """
SELECT to_jsonb(p) AS publication, obj_description(p.oid, 'pg_publication') AS comment,
       ARRAY(SELECT n.nspname || '.' || c.relname FROM pg_publication_rel r
               JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE r.prpubid = p.oid ORDER BY 1) AS tables,
       EXISTS (SELECT FROM pg_publication_rel r
                WHERE r.prpubid = p.oid
                  AND (to_jsonb(r) ->> 'prqual' IS NOT NULL OR to_jsonb(r) ->> 'prattrs' IS NOT NULL)
              ) AS narrowed, {schemas} AS widened
  FROM pg_publication p WHERE starts_with(p.pubname, %s)
 ORDER BY p.pubname
"""

_OWNER = re.compile(r"made by headrace for the project folder ([0-9a-f]{32})")

_WHOLE_SCHEMAS = "EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid)"


class ReplicaIdentity:
    """REPLICA IDENTITY FULL of a table and, if it is partitioned, of every partition.

    Args:
        client: a session.
        table: the table.
        before: what `read` said before headrace changed it; `delete` restores that. None: as if `default`.
    """

    def __init__(self, client: SourceClient, table: TableName, before: str | None = None) -> None:
        self._client = client
        self._table = table
        self._before = before

    @property
    def address(self) -> str:
        return f"identity:{self._table}"

    @property
    def desired(self) -> Document:
        return {"identity": "full"}

    def read(self) -> Document | None:
        """One word when table and partitions agree, else a JSON object of words by table."""
        found = self._identities()
        if not found:
            return None
        words = set(found.values())
        if len(words) == 1:
            return {"identity": words.pop()}
        return {"identity": json.dumps({str(t): word for t, word in found.items()})}

    def apply(self) -> None:
        """Set FULL where it is not, under a short lock; raises HeadraceError when the lock is never free."""
        self._set(dict.fromkeys(self._identities(), "full"))

    def delete(self) -> None:
        """Put back what was there, unless the table stands in any publication that is left."""
        root = quoted(self._table).as_string()
        if self._client.value(_PUBLISHED_ELSEWHERE, {"root": root}):
            return
        current = self._identities()
        before = self._before or "default"
        if before.startswith("{"):
            stored = {TableName.parse(name): word for name, word in json.loads(before).items()}
            root_word = stored.get(self._table, "default")
            self._set({t: stored.get(t, root_word) for t in current})
        else:
            self._set(dict.fromkeys(current, before))

    def _identities(self) -> dict[TableName, str]:
        rows = self._client.rows(_IDENTITIES, (quoted(self._table).as_string(),))
        return {
            TableName(row["schema"], row["name"]): (
                f"index {row['index']}" if row["identity"] == "i" else _WORDS[row["identity"]]
            )
            for row in rows
        }

    def _set(self, wanted: dict[TableName, str]) -> None:
        current = self._identities()
        for table, word in wanted.items():
            if current.get(table) in (None, word):
                continue
            statement = sql.SQL("ALTER TABLE {} REPLICA IDENTITY {}").format(quoted(table), _clause(word))
            alter(self._client, table, statement)


def _clause(word: str) -> sql.Composable:
    if word.startswith("index "):
        return sql.SQL("USING INDEX {}").format(sql.Identifier(word.removeprefix("index ")))
    clauses = {"full": sql.SQL("FULL"), "nothing": sql.SQL("NOTHING"), "default": sql.SQL("DEFAULT")}
    return clauses[word]


@dataclass(frozen=True)
class PublicationState:
    """A publication as it is.

    Attributes:
        tables: the tables it names, sorted.
        publishes_all: it lets inserts, updates, deletes and truncates of these tables and no others pass,
            unfiltered, through the root of partitioned tables, with stored generated columns where the server
            can (18 and newer).
        owner: the id of the project folder that made it, None where its comment does not say.
    """

    name: str
    tables: tuple[TableName, ...]
    publishes_all: bool
    owner: str | None


def read_publications(client: SourceClient, prefix: str) -> list[PublicationState]:
    """The publications whose names begin so, by name."""
    schemas = _WHOLE_SCHEMAS if client.connection.info.server_version >= 150000 else "false"
    query = sql.SQL(_PUBLICATION).format(schemas=sql.SQL(schemas))
    return [
        PublicationState(
            name=row["publication"]["pubname"],
            tables=tuple(sorted(TableName.parse(name) for name in row["tables"])),
            publishes_all=not row["narrowed"] and not row["widened"] and _passes_all(row["publication"]),
            owner=match[1] if (match := _OWNER.search(row["comment"] or "")) else None,
        )
        for row in client.rows(query, (prefix,))
    ]


def check_owner(publication: PublicationState, owner: str) -> None:
    """Raise HeadraceError unless this project folder made the publication; one without an owner is anybody's.

    Args:
        owner: the id of this folder.
    """
    if publication.owner in (None, owner):
        return
    name = publication.name
    raise HeadraceError(
        "project-taken",
        "another folder has a project of this name on this database; nothing of it is touched",
        cause=f"the publication {name} was made for the project folder {publication.owner}",
        hint="give this project another name; or, if that folder is gone for good, remove what it left:"
        f" SELECT pg_drop_replication_slot('{name}'); DROP PUBLICATION {name}",
        where=Where(address=f"publication:{name}"),
    )


def _publication(client: SourceClient, name: str) -> PublicationState | None:
    return next((state for state in read_publications(client, name) if state.name == name), None)


def _passes_all(publication: dict[str, object]) -> bool:
    operations = ("pubinsert", "pubupdate", "pubdelete", "pubtruncate", "pubviaroot")
    return all(publication[name] for name in operations) and publication.get("pubgencols", "s") in ("s", True)


class Publication:
    """One capture's publication: exactly its tables, everything that happens to them, through their root.

    On PostgreSQL 18 stored generated columns are published too: without them every UPDATE of such a table
    with REPLICA IDENTITY FULL fails. The connector leaves them out.

    Args:
        client: a session.
        name: of the publication.
        contracts: the tables.
        owner: the id of the project folder, which its comment says from the moment it is there.
    """

    def __init__(
        self, client: SourceClient, name: str, contracts: Sequence[TableContract], owner: str
    ) -> None:
        self._client = client
        self._name = name
        self._tables = sorted(contract.table for contract in contracts)
        self._owner = owner

    @property
    def address(self) -> str:
        return f"publication:{self._name}"

    @property
    def desired(self) -> Document:
        return {"tables": [str(table) for table in self._tables], "publishes_all": True}

    def read(self) -> Document | None:
        found = self._state()
        if found is None:
            return None
        return {"tables": [str(table) for table in found.tables], "publishes_all": found.publishes_all}

    def apply(self) -> None:
        """Create it, or bring its tables and options to what is wanted."""
        found = self._state()
        name = sql.Identifier(self._name)
        tables = sql.SQL(", ").join(quoted(table) for table in self._tables)
        options = self._options()
        try:
            with self._client.transaction():
                if found is None:
                    form = sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH ({})")
                    self._client.execute(form.format(name, tables, options))
                    says = sql.Literal(f"made by headrace for the project folder {self._owner}")
                    self._client.execute(sql.SQL("COMMENT ON PUBLICATION {} IS {}").format(name, says))
                    return
                check_owner(found, self._owner)
                self._client.execute(sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(name, tables))
                self._client.execute(sql.SQL("ALTER PUBLICATION {} SET ({})").format(name, options))
        except psycopg.errors.InsufficientPrivilege as error:
            raise self._not_allowed(error) from error

    def delete(self) -> None:
        """Drop it; nothing happens when it is gone already."""
        self._client.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(self._name)))

    def _state(self) -> PublicationState | None:
        return _publication(self._client, self._name)

    def _options(self) -> sql.Composable:
        options = f"publish = '{_PUBLISH}', publish_via_partition_root = true"
        if self._client.connection.info.server_version >= _GENERATED_SINCE:
            options += ", publish_generated_columns = stored"
        return sql.SQL(options)  # pyright: ignore[reportArgumentType] - constants of this module

    def _not_allowed(self, error: psycopg.Error) -> HeadraceError:
        message = without_values(error)
        match = re.search(r"must be owner of (?:table|relation) (\S+)", message)
        if match:
            named = next((t for t in self._tables if t.table == match[1]), self._tables[0])
            return not_owner(named, error)
        return HeadraceError(
            "source-no-publication-right",
            "this role may not create a publication in the database",
            cause=message,
            hint="`headrace grants` prints the SQL that allows it (GRANT CREATE ON DATABASE …)",
        )


def unpublish(client: SourceClient, publication: str, table: TableName) -> None:
    """Take one table out of a publication, between two transactions that write to it.

    On return every change that the publication can ever let pass was committed before. Writers wait for the
    moment it takes: without the lock the rows of a transaction that wrote before and commits later would
    pass, however much later. Nothing happens when the table is not in the publication; HeadraceError when the
    lock is never free.
    """
    found = _publication(client, publication)
    if found is None or table not in found.tables:
        return
    statement = sql.SQL("LOCK TABLE {0} IN SHARE MODE; ALTER PUBLICATION {1} DROP TABLE {0}")
    alter(client, table, statement.format(quoted(table), sql.Identifier(publication)))
