"""The table a load writes to: read from the catalogue, or created for the file."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import LiteralString, cast

from psycopg import sql

from headrace.errors import HeadraceError, Where
from headrace.feed.columns import CatalogueColumn, Connection, TargetColumn, columns_of
from headrace.names import TableName


@dataclass(frozen=True)
class Target:
    """Where the rows go.

    Attributes:
        table: the table.
        columns: in the order of the file's fields.
        key: what tells rows apart in a keyed load; empty when rows are only ever added.
        created: whether this load made the table.
        checks: CHECK constraints by name, as expressions over the columns of the file.
        overriding: whether values for an identity column declared ALWAYS are in the file.
    """

    table: TableName
    columns: tuple[TargetColumn, ...]
    key: tuple[str, ...]
    created: bool
    checks: tuple[tuple[str, str], ...] = ()
    overriding: bool = False

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.table.schema, self.table.table)


_KEYS = """
SELECT i.indisprimary, array_agg(a.attname ORDER BY k.place)
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, place)
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indimmediate
GROUP BY i.indexrelid, i.indisprimary ORDER BY i.indisprimary DESC"""

_CHECKS = """
SELECT c.conname, pg_get_expr(c.conbin, c.conrelid),
       ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
FROM pg_constraint c WHERE c.conrelid = %s AND c.contype = 'c' AND c.convalidated ORDER BY c.conname"""


def column_name(header: str) -> str:
    """A name that needs no quoting: `CustomerID` becomes `customer_id`; empty when nothing is left of it."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", header.strip())
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    text = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60]
    return f"c_{text}" if text[:1].isdigit() else text


def oid_of(connection: Connection, table: TableName) -> int | None:
    """The table's oid, None when there is no such table; HeadraceError when it is a view or the like."""
    found = connection.execute(
        "SELECT c.oid, c.relkind IN ('r', 'p') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s",
        (table.schema, table.table),
    ).fetchone()
    if found is not None and not found[1]:
        raise HeadraceError("not-a-table", f"{table} is not a table", where=_where(table))
    return found[0] if found else None


def loadable(connection: Connection, oid: int) -> list[str]:
    """The columns a load may fill, in order."""
    return [column.name for column in columns_of(connection, oid) if not column.generated]


def existing(
    connection: Connection,
    table: TableName,
    oid: int,
    headers: Sequence[str] | None,
    width: int,
    key: Sequence[str] | None,
) -> Target:
    """The target for a table that is there.

    Fields find their columns by name, exactly first, then in the spelling of `column_name`; without a header
    by place, where a file may leave out the columns that PostgreSQL numbers. `key` must be unique in the
    table; None takes the primary key when the file has all of it.
    """
    by_name = {column.name: column for column in columns_of(connection, oid)}
    if headers is None:
        headers = _by_place([column for column in by_name.values() if not column.generated], width, table)
    names = _match(headers, by_name, table)
    generated = [name for name in names if by_name[name].generated]
    if generated:
        raise HeadraceError(
            "csv-generated-column",
            f"{', '.join(generated)} of {table} is computed by PostgreSQL and cannot be loaded",
            hint="leave the column out of the file",
            where=_where(table),
        )
    columns = tuple(by_name[name].filled_by(header) for name, header in zip(names, headers, strict=True))
    checks = tuple(
        (name, expression)
        for name, expression, used in connection.execute(_CHECKS, (oid,)).fetchall()
        if set(used) <= set(names)
    )
    return Target(
        table=table,
        columns=columns,
        key=_key(connection, table, oid, names, headers, key),
        created=False,
        checks=checks,
        overriding=any(by_name[name].always for name in names),
    )


def create(
    connection: Connection,
    table: TableName,
    headers: Sequence[str] | None,
    types: Sequence[str],
    key: Sequence[str] | None,
    not_null: Collection[str] = (),
) -> Target:
    """Create the table for a file: its columns in `column_name` spelling, and the key.

    `not_null` are headers of columns besides the key that refuse NULL.
    Without a key the table gets an identity column `id` (`row_id` when the file has an `id` of its own).
    """
    headers = list(headers) if headers is not None else [f"column_{n + 1}" for n in range(len(types))]
    names = [column_name(header) for header in headers]
    for number, name in enumerate(names):
        if not name or names.index(name) != number:
            what = "has no name" if not name else f"has the same name as another one, {name}"
            raise HeadraceError(
                "csv-header-name",
                f"field {number + 1} of the header {what}",
                hint="correct the header, or give --no-header",
            )
    keys = tuple(_named(part, headers, names, table) for part in key or ())
    definitions = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(name),
            sql.SQL(cast(LiteralString, kind)),
            sql.SQL(" NOT NULL" if header in not_null else ""),
        )
        for name, header, kind in zip(names, headers, types, strict=True)
    ]
    if keys:
        listed = sql.SQL(", ").join(map(sql.Identifier, keys))
        definitions.append(sql.SQL("PRIMARY KEY ({})").format(listed))
    else:
        identity = sql.Identifier("row_id" if "id" in names else "id")
        definitions.insert(0, sql.SQL("{} bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY").format(identity))
    connection.execute(
        sql.SQL("CREATE TABLE {} ({})").format(
            sql.Identifier(table.schema, table.table), sql.SQL(", ").join(definitions)
        )
    )
    oid = oid_of(connection, table)
    assert oid is not None
    made = {column.name: column for column in columns_of(connection, oid)}
    columns = tuple(
        replace(made[name].filled_by(header), pg_type=kind)
        for name, header, kind in zip(names, headers, types, strict=True)
    )
    return Target(table, columns, keys, created=True)


def advance_sequences(connection: Connection, target: Target) -> None:
    """Move the sequences of serial and identity columns past the loaded values, never back."""
    for column in target.columns:
        found = connection.execute(
            "SELECT pg_get_serial_sequence(%s, %s)",
            (target.identifier.as_string(connection), column.name),
        ).fetchone()
        if not found or found[0] is None:
            continue
        name = sql.SQL(cast(LiteralString, found[0]))
        connection.execute(
            sql.SQL(
                "SELECT setval({text}, m.top) FROM (SELECT max({column}) AS top FROM {table}) m, {sequence} s"
                " WHERE m.top > s.last_value OR (m.top = s.last_value AND NOT s.is_called)"
            ).format(
                text=sql.Literal(found[0]),
                column=sql.Identifier(column.name),
                table=target.identifier,
                sequence=name,
            )
        )


def _by_place(columns: Sequence[CatalogueColumn], width: int, table: TableName) -> list[str]:
    """The columns of a file without header: all in order, or all but those that PostgreSQL numbers."""
    if width > len(columns):
        raise HeadraceError(
            "csv-columns",
            f"the file has {width} fields, {table} only {len(columns)} columns that can be loaded",
            where=_where(table),
        )
    numbered = [column.name for column in columns if column.numbered]
    given = [column.name for column in columns if not column.numbered]
    if not numbered or width == len(columns):
        return [column.name for column in columns[:width]]
    if width == len(given):
        return given
    raise HeadraceError(
        "csv-columns",
        f"which columns of {table} the {width} fields stand for cannot be told without a header",
        cause=f"PostgreSQL numbers {', '.join(numbered)} itself: {len(given)} fields would leave that out,"
        f" {len(columns)} would fill it",
        hint="give the file a header, or a field for each column",
        where=_where(table),
    )


def _match(headers: Sequence[str], columns: dict[str, CatalogueColumn], table: TableName) -> list[str]:
    spelt = {column_name(name): name for name in columns}
    names: list[str] = []
    unknown: list[str] = []
    for header in headers:
        name = header if header in columns else spelt.get(column_name(header))
        if name is None:
            unknown.append(header)
        elif name in names:
            raise HeadraceError(
                "csv-header-name", f"two fields of the file stand for column {name} of {table}"
            )
        else:
            names.append(name)
    if unknown:
        raise HeadraceError(
            "csv-columns",
            f"{table} has no column for {', '.join(repr(name) for name in unknown[:5])}",
            cause=f"its columns: {', '.join(columns)}",
            hint="correct the header or the --delimiter; without a header give --no-header",
            where=_where(table),
        )
    return names


def _named(part: str, headers: Sequence[str], names: Sequence[str], table: TableName) -> str:
    """The column a part of --key means, by its own name or by the file's."""
    for header, name in zip(headers, names, strict=True):
        if part in (name, header):
            return name
    raise HeadraceError(
        "csv-key",
        f"the file has no column {part} for the key",
        cause=f"it has {', '.join(names)}",
        where=_where(table),
    )


def _key(
    connection: Connection,
    table: TableName,
    oid: int,
    names: Sequence[str],
    headers: Sequence[str],
    key: Sequence[str] | None,
) -> tuple[str, ...]:
    unique = connection.execute(_KEYS, (oid,)).fetchall()
    if not key:
        return next((tuple(cols) for primary, cols in unique if primary and set(cols) <= set(names)), ())
    wanted = tuple(_named(part, headers, names, table) for part in key)
    if not any(set(wanted) == set(cols) for _, cols in unique):
        raise HeadraceError(
            "csv-key",
            f"{', '.join(wanted)} is not unique in {table}",
            cause="a keyed load needs a primary key or a unique index over exactly these columns",
            hint="give the table's own key, or create the unique index",
            where=_where(table),
        )
    return wanted


def _where(table: TableName) -> Where:
    return Where(address=f"table:{table}")
