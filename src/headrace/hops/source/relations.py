"""Reads PostgreSQL's catalogue: tables, columns, keys and partitions as they are. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headrace.hops.source.client import Row, SourceClient
from headrace.hops.source.types import PgType
from headrace.names import TableName

_RELATIONS = """
SELECT n.nspname AS schema, c.relname AS name, c.oid::bigint AS oid, c.relkind::text AS kind,
       c.relpersistence::text AS persistence, c.relispartition AS is_partition,
       c.relreplident::text AS identity, pg_get_userbyid(c.relowner) AS owner,
       pg_has_role(c.relowner, 'USAGE') AS owned,
       has_schema_privilege(n.oid, 'USAGE') AS schema_usable,
       c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'SELECT') AS readable,
       c.relkind IN ('r', 'p') AND row_security_active(c.oid) AS row_security,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid) AS has_children,
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) AS has_parents,
       pg_table_size(c.oid) AS size_bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
   AND c.relkind NOT IN ('i', 'I', 't', 'c')
"""

_COLUMNS = """
WITH RECURSIVE base AS (
    SELECT a.attrelid, a.attnum, a.atttypid AS typid, a.atttypmod AS typmod
      FROM pg_attribute a
     WHERE a.attrelid = ANY (%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attrelid, b.attnum, t.typbasetype,
           CASE WHEN t.typtypmod = -1 THEN b.typmod ELSE t.typtypmod END
      FROM base b JOIN pg_type t ON t.oid = b.typid
     WHERE t.typtype = 'd'
)
SELECT a.attrelid::bigint AS oid, a.attname AS name, a.attnotnull AS not_null,
       a.attgenerated::text AS generated, has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable,
       format_type(t.oid, b.typmod) AS formatted, t.typtype::text AS kind,
       CASE WHEN t.typcategory = 'A' THEN e.typtype::text ELSE '' END AS element_kind,
       CASE WHEN tn.nspname = 'pg_catalog' OR EXISTS (
                SELECT FROM pg_depend d
                 WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
            THEN t.typname ELSE tn.nspname || '.' || t.typname END AS type_name
  FROM base b
  JOIN pg_type t ON t.oid = b.typid AND t.typtype <> 'd'
  JOIN pg_namespace tn ON tn.oid = t.typnamespace
  LEFT JOIN pg_type e ON e.oid = t.typelem
  JOIN pg_attribute a ON a.attrelid = b.attrelid AND a.attnum = b.attnum
 ORDER BY a.attrelid, a.attnum
"""

_UNIQUE = """
SELECT x.indrelid::bigint AS oid, k.relname AS name, x.indisprimary AS is_primary,
       NOT x.indimmediate AS deferrable,
       x.indpred IS NULL AND x.indexprs IS NULL AND x.indisvalid AS whole,
       ARRAY(SELECT a.attname FROM unnest(x.indkey::int2[]) WITH ORDINALITY u(attnum, place)
               JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.attnum
              WHERE u.place <= x.indnkeyatts ORDER BY u.place)::text[] AS columns
  FROM pg_index x JOIN pg_class k ON k.oid = x.indexrelid
 WHERE x.indrelid = ANY (%s::oid[]) AND x.indisunique
 ORDER BY x.indisprimary DESC, k.relname
"""

_LED = """
SELECT DISTINCT x.indrelid::bigint AS oid, a.attname AS name
  FROM pg_index x
  JOIN pg_class k ON k.oid = x.indexrelid
  JOIN pg_am m ON m.oid = k.relam
  JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0]
 WHERE x.indrelid = ANY (%s::oid[]) AND x.indisvalid AND x.indpred IS NULL
   AND m.amname IN ('btree', 'hash') AND NOT x.indisprimary AND NOT (x.indisunique AND x.indnkeyatts = 1)
"""

_PARTITIONS = """
SELECT r.oid::bigint AS root, n.nspname AS schema, c.relname AS name, c.oid::bigint AS oid,
       c.relkind::text AS kind, c.relpersistence::text AS persistence, c.relreplident::text AS identity,
       pg_has_role(c.relowner, 'USAGE') AS owned
  FROM unnest(%s::oid[]) AS r(oid), pg_partition_tree(r.oid) AS t
  JOIN pg_class c ON c.oid = t.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid <> r.oid
 ORDER BY 2, 3
"""

_NAMES = """
SELECT n.nspname AS schema, c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
 ORDER BY 1, 2 LIMIT 10000
"""


@dataclass(frozen=True)
class SourceColumn:
    """A column of the catalogue.

    Attributes:
        generated: '' for an ordinary one, 's' stored, 'v' virtual.
    """

    name: str
    type: PgType
    not_null: bool
    generated: str
    readable: bool


@dataclass(frozen=True)
class UniqueIndex:
    """A unique index; `whole` when it covers all rows, has columns only and is valid."""

    name: str
    columns: tuple[str, ...]
    is_primary: bool
    deferrable: bool
    whole: bool


@dataclass(frozen=True)
class Partition:
    """A partition below a partitioned table, at any depth; `kind` as in pg_class.relkind."""

    table: TableName
    oid: int
    kind: str
    persistence: str
    identity: str
    owned: bool


@dataclass(frozen=True)
class SourceTable:
    """A relation as the catalogue has it; `kind`, `persistence` and `identity` are pg_class's letters.

    Attributes:
        indexed: columns that an index of all rows begins with, where a value may stand in several rows.
    """

    table: TableName
    oid: int
    kind: str
    persistence: str
    is_partition: bool
    has_parents: bool
    has_children: bool
    identity: str
    owner: str
    owned: bool
    schema_usable: bool
    readable: bool
    row_security: bool
    size_bytes: int
    columns: tuple[SourceColumn, ...]
    unique: tuple[UniqueIndex, ...]
    indexed: frozenset[str]
    partitions: tuple[Partition, ...]

    @property
    def primary_key(self) -> UniqueIndex | None:
        return next((index for index in self.unique if index.is_primary), None)


def read_tables(client: SourceClient, tables: Iterable[TableName]) -> dict[TableName, SourceTable]:
    """Those of `tables` that exist, of whatever kind."""
    wanted = list(tables)
    found = client.rows(_RELATIONS, ([t.schema for t in wanted], [t.table for t in wanted]))
    oids = [row["oid"] for row in found]
    columns = _by_oid(client.rows(_COLUMNS, (oids,)))
    unique = _by_oid(client.rows(_UNIQUE, (oids,)))
    indexed = _by_oid(client.rows(_LED, (oids,)))
    roots = [row["oid"] for row in found if row["kind"] == "p"]
    partitions = _by_oid(client.rows(_PARTITIONS, (roots,)), "root") if roots else {}
    return {
        TableName(row["schema"], row["name"]): _table(
            row,
            columns.get(row["oid"], ()),
            unique.get(row["oid"], ()),
            frozenset(one["name"] for one in indexed.get(row["oid"], ())),
            partitions.get(row["oid"], ()),
        )
        for row in found
    }


def table_names(client: SourceClient) -> list[TableName]:
    """The tables one could carry, for suggestions."""
    return [TableName(row["schema"], row["name"]) for row in client.rows(_NAMES)]


def _by_oid(rows: Sequence[Row], key: str = "oid") -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row[key], []).append(row)
    return grouped


def _table(
    row: Row, columns: Sequence[Row], unique: Sequence[Row], indexed: frozenset[str], parts: Sequence[Row]
) -> SourceTable:
    return SourceTable(
        table=TableName(row["schema"], row["name"]),
        oid=row["oid"],
        kind=row["kind"],
        persistence=row["persistence"],
        is_partition=row["is_partition"],
        has_parents=row["has_parents"],
        has_children=row["has_children"],
        identity=row["identity"],
        owner=row["owner"],
        owned=row["owned"],
        schema_usable=row["schema_usable"],
        readable=row["readable"],
        row_security=row["row_security"],
        size_bytes=row["size_bytes"] or 0,
        columns=tuple(_column(column) for column in columns),
        unique=tuple(_unique(index) for index in unique),
        indexed=indexed,
        partitions=tuple(_partition(part) for part in parts),
    )


def _column(row: Row) -> SourceColumn:
    return SourceColumn(
        name=row["name"],
        type=PgType(row["type_name"], row["kind"], row["element_kind"] or "", row["formatted"]),
        not_null=row["not_null"],
        generated=row["generated"],
        readable=row["readable"],
    )


def _unique(row: Row) -> UniqueIndex:
    return UniqueIndex(
        name=row["name"],
        columns=tuple(row["columns"]),
        is_primary=row["is_primary"],
        deferrable=row["deferrable"],
        whole=row["whole"],
    )


def _partition(row: Row) -> Partition:
    return Partition(
        table=TableName(row["schema"], row["name"]),
        oid=row["oid"],
        kind=row["kind"],
        persistence=row["persistence"],
        identity=row["identity"],
        owned=row["owned"],
    )
