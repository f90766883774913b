"""The stop between file and table: rows as text in a temporary table, checked before anything is written.

Promise: after `reject_unfit` every row left can be written; every row taken out was reported with its line
and the reason. Temporary tables make no WAL, so a file that fails costs the source's replication nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from headrace.feed.columns import TargetColumn
from headrace.feed.csv_reader import Row
from headrace.feed.target import Connection, Target

_RAW = sql.Identifier("pg_temp", "headrace_load_raw")
_TYPED = sql.Identifier("pg_temp", "headrace_load_typed")
_LINE = sql.Identifier("headrace line")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

Reject = Callable[[int, str], None]
"""Called with the number of a line and the reason it is left out; raises when there are too many."""


def create_raw(connection: Connection, width: int) -> None:
    """Make the temporary table: the line's number and `width` texts."""
    fields = sql.SQL(", ").join(sql.SQL("{} text").format(_field(n)) for n in range(width))
    connection.execute(
        sql.SQL("CREATE TEMP TABLE {} ({} bigint, {}) ON COMMIT DROP").format(
            sql.Identifier("headrace_load_raw"), _LINE, fields
        )
    )


def copy_statement() -> sql.Composed:
    """What brings `copy_lines` into the temporary table."""
    return sql.SQL("COPY {} FROM STDIN").format(_RAW)


def copy_lines(lines: Sequence[int], rows: Iterable[Row]) -> str:
    """Rows in PostgreSQL's COPY text format, their line numbers in front."""
    out: list[str] = []
    for number, row in zip(lines, rows, strict=True):
        text = "\t".join(["\\N" if value is None else value for value in row])
        plain = text.count("\\") == row.count(None) and text.count("\t") == len(row) - 1
        if not plain or "\n" in text or "\r" in text:
            text = "\t".join(["\\N" if value is None else value.translate(_ESCAPES) for value in row])
        out.append(f"{number}\t{text}\n")
    return "".join(out)


def staged_row(connection: Connection, line: int, width: int) -> Row:
    """The fields of one staged line, as text."""
    fields = sql.SQL(", ").join(map(_field, range(width)))
    found = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(fields, _RAW, _LINE), (line,)
    ).fetchone()
    return list(found) if found else []


def reject_unfit(connection: Connection, target: Target, reject: Reject) -> None:
    """Take out the rows that do not fit the table: unparsable, too long, NULL where none may be, CHECK."""
    _reject_unparsable(connection, target, reject)
    _reject_where(connection, target, _too_long(target), reject)
    for column in target.columns:
        if column.not_null or column.name in target.key:
            condition = sql.SQL("{} IS NULL").format(sql.Identifier(column.name))
            _reject_where(
                connection, target, [(f"{column.name} may not be null", condition)], reject, typed=True
            )
    for name, expression in target.checks:
        condition = sql.SQL("NOT ({})").format(sql.SQL(cast(LiteralString, expression)))
        _reject_where(
            connection, target, [(f"violates the constraint {name}", condition)], reject, typed=True
        )


def type_rows(connection: Connection, target: Target) -> int:
    """Make the typed form of a keyed load, the last line of a key winning; returns how many lines lost."""
    key = sql.SQL(", ").join(map(sql.Identifier, target.key))
    staged = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(_RAW)).fetchone()
    kept = connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE {typed} ON COMMIT DROP AS SELECT DISTINCT ON ({key}) * FROM ({rows}) r"
            " ORDER BY {key}, {line} DESC"
        ).format(typed=sql.Identifier("headrace_load_typed"), key=key, rows=_typed(target), line=_LINE)
    ).rowcount
    connection.execute(sql.SQL("ANALYZE {}").format(_TYPED))
    return (staged[0] if staged else 0) - kept


def append(connection: Connection, target: Target) -> int:
    """Write all rows as new ones, in the order of the file; returns how many."""
    return connection.execute(
        sql.SQL("INSERT INTO {table} ({columns}){overriding} SELECT {columns} FROM ({rows}) r").format(
            table=target.identifier,
            columns=_names(target),
            overriding=_overriding(target),
            rows=_typed(target),
        )
    ).rowcount


def merge(connection: Connection, target: Target) -> tuple[int, int, int]:
    """Write what is new or different; returns rows inserted, updated, unchanged.

    Rows are compared by their stored image, so that a numeric 1.50 replaces a 1.5, and rows that are the same
    are not touched at all: not even locked, hence no WAL.
    """
    same_key = sql.SQL(" AND ").join(
        sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in target.key
    )
    others = [sql.Identifier(column.name) for column in target.columns if column.name not in target.key]
    difference = sql.SQL("FALSE")
    action = sql.SQL("NOTHING")
    if others:
        difference = sql.SQL("pg_catalog.record_image_ne(ROW({}), ROW({}))")
        old = sql.SQL(", ").join(sql.SQL("t.{}").format(name) for name in others)
        staged = sql.SQL(", ").join(sql.SQL("s.{}").format(name) for name in others)
        new = sql.SQL(", ").join(sql.SQL("EXCLUDED.{}").format(name) for name in others)
        assignments = sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(name) for name in others)
        action = sql.SQL("UPDATE SET {} WHERE {}").format(assignments, difference.format(old, new))
        difference = difference.format(old, staged)
    unchanged = connection.execute(
        sql.SQL("DELETE FROM {typed} s USING {table} t WHERE {same} AND NOT ({difference})").format(
            typed=_TYPED, table=target.identifier, same=same_key, difference=difference
        )
    ).rowcount
    known = connection.execute(
        sql.SQL("SELECT count(*) FROM {} s JOIN {} t ON {}").format(_TYPED, target.identifier, same_key)
    ).fetchone()
    written = connection.execute(
        sql.SQL(
            "INSERT INTO {table} AS t ({columns}){overriding} SELECT {columns} FROM {typed} ORDER BY {line}"
            " ON CONFLICT ({key}) DO {action}"
        ).format(
            table=target.identifier,
            columns=_names(target),
            overriding=_overriding(target),
            typed=_TYPED,
            line=_LINE,
            key=sql.SQL(", ").join(map(sql.Identifier, target.key)),
            action=action,
        )
    ).rowcount
    updated = min(known[0] if known else 0, written)
    return written - updated, updated, unchanged


def _reject_unparsable(connection: Connection, target: Target, reject: Reject) -> None:
    """Find values the types refuse, by halving: all rows at once first, then only the halves that fail."""
    if _parses(connection, target, None):
        return
    connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(_RAW, _LINE))
    connection.execute(sql.SQL("ANALYZE {}").format(_RAW))
    bounds = connection.execute(sql.SQL("SELECT min({0}), max({0}) FROM {1}").format(_LINE, _RAW)).fetchone()
    if bounds is None or bounds[0] is None:
        return
    ranges: list[tuple[int, int]] = [(bounds[0], bounds[1])]
    while ranges:
        low, high = ranges.pop()
        if _parses(connection, target, (low, high)):
            continue
        if low < high:
            middle = (low + high) // 2
            ranges += [(middle + 1, high), (low, middle)]
            continue
        reject(low, _why(connection, target, low))
        connection.execute(sql.SQL("DELETE FROM {} WHERE {} = %s").format(_RAW, _LINE), (low,))


def _parses(connection: Connection, target: Target, lines: tuple[int, int] | None) -> bool:
    counted = sql.SQL(", ").join(
        sql.SQL("count({})").format(_value(n, column)) for n, column in _parsed_columns(target)
    )
    if not any(True for _ in _parsed_columns(target)):
        return True
    statement = sql.SQL("SELECT {} FROM {}").format(counted, _RAW)
    if lines is not None:
        statement += sql.SQL(" WHERE {} BETWEEN {} AND {}").format(_LINE, lines[0], lines[1])
    return _error_of(connection, statement) is None


def _why(connection: Connection, target: Target, line: int) -> str:
    for number, column in _parsed_columns(target):
        statement = sql.SQL("SELECT {} FROM {} WHERE {} = {}").format(
            _value(number, column), _RAW, _LINE, line
        )
        error = _error_of(connection, statement)
        if error is not None:
            return f"{column.name}: {error.diag.message_primary}"
    return "the row does not parse"


def _error_of(connection: Connection, statement: sql.Composed) -> psycopg.Error | None:
    try:
        with connection.transaction():
            connection.execute(statement)
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError) as error:
        return error
    return None


def _parsed_columns(target: Target) -> Iterable[tuple[int, TargetColumn]]:
    return ((n, column) for n, column in enumerate(target.columns) if column.pg_type != "text")


def _too_long(target: Target) -> list[tuple[str, sql.Composed]]:
    """What the explicit cast cuts, or fills, is another value than the same text without the limit."""
    return [
        (
            f"{column.name}: {column.limit.reason}",
            sql.SQL("CAST({value} AS {free}){bytewise} IS DISTINCT FROM CAST({text} AS {free})").format(
                value=_value(n, column),
                free=column.limit.free,
                bytewise=sql.SQL("" if column.limit.bits else ' COLLATE "C"'),
                text=_text(n, column),
            ),
        )
        for n, column in enumerate(target.columns)
        if column.limit is not None
    ]


def _reject_where(
    connection: Connection,
    target: Target,
    conditions: Iterable[tuple[str, sql.Composed]],
    reject: Reject,
    *,
    typed: bool = False,
) -> None:
    rows: sql.Composable = sql.SQL("({}) r").format(_typed(target)) if typed else _RAW
    for reason, condition in conditions:
        found: list[Any] = connection.execute(
            sql.SQL("SELECT {line} FROM {rows} WHERE {condition} ORDER BY {line}").format(
                line=_LINE, rows=rows, condition=condition
            )
        ).fetchall()
        for (line,) in found:
            reject(line, reason)
        if found:
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(_RAW, _LINE),
                ([line for (line,) in found],),
            )


def _typed(target: Target) -> sql.Composed:
    """The rows as the table's types, under its column names."""
    values = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(_value(n, column), sql.Identifier(column.name))
        for n, column in enumerate(target.columns)
    )
    return sql.SQL("SELECT {}, {} FROM {}").format(_LINE, values, _RAW)


def _value(number: int, column: TargetColumn) -> sql.Composed:
    return sql.SQL("CAST({} AS {})").format(_text(number, column), column.cast)


def _text(number: int, column: TargetColumn) -> sql.Composable:
    return _field(number) if column.takes_empty else sql.SQL("NULLIF({}, '')").format(_field(number))


def _field(number: int) -> sql.Identifier:
    return sql.Identifier(f"f{number}")


def _names(target: Target) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in target.columns)


def _overriding(target: Target) -> sql.SQL:
    return sql.SQL(" OVERRIDING SYSTEM VALUE" if target.overriding else "")
