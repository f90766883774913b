"""Compares the living catalogue with the contracts: what would make a served table wrong without an event.

Promise: one query for all tables, a second one only when a partition appears. ALTER TABLE, ATTACH, DETACH and
TRUNCATE of a single partition make no event in the stream; here they are seen within one interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from psycopg import sql

from headrace.contract import TableContract
from headrace.errors import HeadraceError
from headrace.hops.source.client import SourceClient
from headrace.hops.source.locking import alter, quoted
from headrace.names import TableName

_LOOK = """
WITH wanted AS (
    SELECT w.schema, w.name, c.oid, c.relkind::text AS kind, c.relfilenode::bigint AS file
      FROM unnest(%(schemas)s::text[], %(tables)s::text[]) AS w(schema, name)
      LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND c.relkind IN ('r', 'p'))
        ON n.nspname = w.schema AND c.relname = w.name
)
SELECT w.schema, w.name, w.oid::bigint AS oid,
       (SELECT jsonb_agg(jsonb_build_array(a.attname, a.attnum,
                                           format_type(a.atttypid, a.atttypmod), ty.typtype = 'd')
                         ORDER BY a.attnum)
          FROM pg_attribute a JOIN pg_type ty ON ty.oid = a.atttypid
         WHERE a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT jsonb_agg(jsonb_build_array(pn.nspname, p.relname, p.oid::bigint,
                                           pg_relation_filenode(p.oid)::bigint, p.relreplident)
                         ORDER BY p.oid)
          FROM pg_partition_tree(w.oid) t
          JOIN pg_class p ON p.oid = t.relid JOIN pg_namespace pn ON pn.oid = p.relnamespace
         WHERE t.isleaf AND p.oid <> w.oid) AS partitions,
       (SELECT c.relreplident::text FROM pg_class c WHERE c.oid = w.oid) AS identity,
       (SELECT jsonb_agg(a.attname ORDER BY u.place)
          FROM pg_index x, unnest(x.indkey::int2[]) WITH ORDINALITY u(attnum, place)
          JOIN pg_attribute a ON a.attnum = u.attnum
         WHERE x.indrelid = w.oid AND x.indisprimary AND u.place <= x.indnkeyatts
           AND a.attrelid = w.oid) AS key,
       (SELECT coalesce(jsonb_agg(p.pubname), '[]')
          FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
         WHERE r.prrelid = w.oid AND p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate
           AND p.pubviaroot AND to_jsonb(r) ->> 'prqual' IS NULL
           AND to_jsonb(r) ->> 'prattrs' IS NULL) AS publications
  FROM wanted w
"""


class Change(StrEnum):
    """What happened to a table; the reference documents each."""

    TABLE_GONE = "table-gone"
    TABLE_REPLACED = "table-replaced"
    COLUMN_ADDED = "column-added"
    COLUMN_GONE = "column-gone"
    COLUMN_RENAMED = "column-renamed"
    COLUMN_RETYPED = "column-retyped"
    COLUMN_REPLACED = "column-replaced"
    KEY_CHANGED = "key-changed"
    IDENTITY_CHANGED = "identity-changed"
    UNPUBLISHED = "unpublished"
    PARTITION_ATTACHED = "partition-attached"
    PARTITION_GONE = "partition-gone"
    PARTITION_EMPTIED = "partition-emptied"


@dataclass(frozen=True)
class Finding:
    """One difference between a contract and the source.

    Attributes:
        column: the carried column that is gone or has another type; empty where it is about another thing.
    """

    table: TableName
    change: Change
    detail: str
    column: str = ""


@dataclass(frozen=True)
class PartitionLook:
    """A leaf partition: its file changes when it is truncated or rewritten."""

    table: TableName
    file: int
    identity: str


@dataclass(frozen=True)
class TableLook:
    """A table as it is now. Columns by name: attribute number, type, and whether that is a domain."""

    oid: int
    columns: Mapping[str, tuple[int, str, bool]]
    key: tuple[str, ...]
    identity: str
    publications: tuple[str, ...]
    partitions: Mapping[int, PartitionLook]


Looks = Mapping[TableName, TableLook | None]


def look(client: SourceClient, tables: Sequence[TableName]) -> dict[TableName, TableLook | None]:
    """All of `tables` in one query; None for one that does not exist."""
    parameters = {"schemas": [t.schema for t in tables], "tables": [t.table for t in tables]}
    return {TableName(row["schema"], row["name"]): _look(row) for row in client.rows(_LOOK, parameters)}


def _look(row: dict[str, Any]) -> TableLook | None:
    if row["oid"] is None:
        return None
    return TableLook(
        oid=row["oid"],
        columns={column[0]: (column[1], column[2], column[3]) for column in row["columns"] or ()},
        key=tuple(row["key"] or ()),
        identity=row["identity"],
        publications=tuple(row["publications"]),
        partitions={
            part[2]: PartitionLook(TableName(part[0], part[1]), part[3] or 0, part[4])
            for part in row["partitions"] or ()
        },
    )


def compare(
    contract: TableContract, publication: str | None, before: TableLook | None, now: TableLook | None
) -> Iterator[Finding]:
    """What changed for one table; pure.

    Args:
        contract: what the table was captured as.
        publication: the name of its capture's publication; None to leave that out.
        before: the look when it was known to be right, None when nothing is remembered.
        now: the look of now, None when there is no such table.
    """
    table = contract.table
    if now is None:
        yield Finding(table, Change.TABLE_GONE, "it was dropped or renamed")
        return
    if before is not None and before.oid != now.oid:
        yield Finding(table, Change.TABLE_REPLACED, "it was dropped and made again")
        return
    yield from _columns(contract, before, now)
    if not contract.declared_key and now.key != contract.key:
        detail = f"({', '.join(contract.key)}) became ({', '.join(now.key)})"
        yield Finding(table, Change.KEY_CHANGED, detail)
    parts = [part for part in now.partitions.values() if part.identity != "f"]
    if now.identity != "f" or parts:
        named = ", ".join(str(part.table) for part in parts[:3]) if now.identity == "f" else str(table)
        yield Finding(table, Change.IDENTITY_CHANGED, f"REPLICA IDENTITY is no longer FULL on {named}")
    if publication is not None and publication not in now.publications:
        detail = f"{publication} no longer publishes everything of it"
        yield Finding(table, Change.UNPUBLISHED, detail)
    if before is not None:
        yield from _partitions(table, before.partitions, now.partitions)


def _columns(contract: TableContract, before: TableLook | None, now: TableLook) -> Iterator[Finding]:
    table = contract.table
    known = {column.name for column in contract.columns} | set(contract.excluded)
    gone = [name for name in known if name not in now.columns]
    added = [name for name in now.columns if name not in known]
    numbers = {} if before is None else {before.columns[n][0]: n for n in gone if n in before.columns}
    for name in added:
        old = numbers.get(now.columns[name][0])
        if old is not None:
            gone.remove(old)
            yield Finding(table, Change.COLUMN_RENAMED, f"{old} is now called {name}", old)
        else:
            yield Finding(table, Change.COLUMN_ADDED, f"{name} {now.columns[name][1]}")
    for name in sorted(gone):
        yield Finding(table, Change.COLUMN_GONE, name, name)
    yield from _types(contract, {} if before is None else before.columns, now.columns)


def _types(
    contract: TableContract,
    before: Mapping[str, tuple[int, str, bool]],
    now: Mapping[str, tuple[int, str, bool]],
) -> Iterator[Finding]:
    """Against the contract, and for domains, whose base type it holds, against what is remembered."""
    for column in contract.columns:
        old, new = before.get(column.name), now.get(column.name)
        if new is None:
            continue
        if old is not None and old[0] != new[0]:
            yield Finding(contract.table, Change.COLUMN_REPLACED, f"{column.name} was dropped and made again")
            continue
        was = old[1] if old is not None and (new[2] or old[2]) else column.pg_type
        if was != new[1] and (old is not None or not new[2]):
            detail = f"{column.name}: {was} became {new[1]}"
            yield Finding(contract.table, Change.COLUMN_RETYPED, detail, column.name)


def _partitions(
    table: TableName, before: Mapping[int, PartitionLook], now: Mapping[int, PartitionLook]
) -> Iterator[Finding]:
    for oid, part in before.items():
        if oid not in now:
            yield Finding(table, Change.PARTITION_GONE, f"{part.table} was detached or dropped")
        elif now[oid].file != part.file:
            yield Finding(table, Change.PARTITION_EMPTIED, f"{part.table} was truncated or rewritten")
    for oid, part in now.items():
        if oid not in before:
            yield Finding(table, Change.PARTITION_ATTACHED, f"{part.table}")


def brought_rows(client: SourceClient, partition: PartitionLook) -> bool:
    """Whether a new partition holds rows that were in it before it was attached: those made no event.

    Rows written by the attaching transaction itself count as such, for they cannot be told apart.
    """
    name = sql.Identifier(partition.table.schema, partition.table.table)
    query = sql.SQL(
        "SELECT EXISTS (SELECT FROM {} WHERE age(xmin) >= "
        "(SELECT min(age(i.xmin)) FROM pg_partition_ancestors({}::regclass) a "
        "JOIN pg_inherits i ON i.inhrelid = a.relid))"
    ).format(name, sql.Literal(name.as_string()))
    return bool(client.value(query))


def adopt(client: SourceClient, partition: TableName) -> bool:
    """Set REPLICA IDENTITY FULL on a new partition, with one try; whether that succeeded."""
    statement = sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(quoted(partition))
    try:
        alter(client, partition, statement, attempts=1)
    except HeadraceError:
        return False
    return True


class CatalogueWatch:
    """Looks again and again, and remembers the look at which all was well.

    Args:
        contracts: the contracts by publication, that is by capture.
        baseline: looks kept from an earlier run, so that changes made meanwhile are seen.
    """

    def __init__(
        self, contracts: Mapping[str, Sequence[TableContract]], baseline: Looks | None = None
    ) -> None:
        self._contracts = contracts
        self.baseline: dict[TableName, TableLook | None] = dict(baseline or {})

    def findings(self, client: SourceClient) -> list[Finding]:
        """All differences of now.

        New partitions that brought no rows become part of what is remembered; as they do not inherit REPLICA
        IDENTITY FULL it is set here, if the lock is free at once.
        """
        tables = sorted({c.table for group in self._contracts.values() for c in group})
        now = look(client, tables)
        found: dict[tuple[TableName, Change, str], Finding] = {}
        for publication, group in self._contracts.items():
            for contract in group:
                table = contract.table
                if self.baseline.get(table) is None:
                    self.baseline[table] = now[table]
                now[table] = self._welcome(client, table, now[table])
                for finding in compare(contract, publication, self.baseline[table], now[table]):
                    found[finding.table, finding.change, finding.detail] = finding
        return list(found.values())

    def _welcome(self, client: SourceClient, table: TableName, now: TableLook | None) -> TableLook | None:
        before = self.baseline.get(table)
        if before is None or now is None or before.oid != now.oid:
            return now
        fresh = {
            oid: part
            for oid, part in now.partitions.items()
            if oid not in before.partitions and not brought_rows(client, part)
        }
        if not fresh:
            return now
        self.baseline[table] = replace(before, partitions={**before.partitions, **fresh})
        adopted = {
            oid: replace(part, identity="f")
            for oid, part in fresh.items()
            if part.identity != "f" and adopt(client, part.table)
        }
        return replace(now, partitions={**now.partitions, **adopted})
