"""One row of the source by its key: whether it is there, who wrote it, and where the WAL ends.

Promise: reading only, in one statement, so that all of it is of one moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import LiteralString, cast

import psycopg
from psycopg import sql

from headrace.contract import Column, TableContract
from headrace.errors import HeadraceError, Where
from headrace.hops.source.client import SourceClient


@dataclass(frozen=True)
class RowLook:
    """What PostgreSQL knows of a row.

    Attributes:
        xmin: transaction, or part of one, that wrote the row; None for a row that is not there.
        lsn: the end of the WAL.
        time_ms: the server's clock.
        commit_time_ms: when that transaction was committed; None where the server does not remember.
        keeps_commit_times: `track_commit_timestamp` is on.
        values: the carried columns that are not masked, as text; empty unless asked for.
    """

    xmin: int | None
    lsn: int
    time_ms: int
    commit_time_ms: int | None
    keeps_commit_times: bool
    values: dict[str, str | None] = field(default_factory=dict[str, "str | None"], repr=False)

    @property
    def present(self) -> bool:
        return self.xmin is not None


def canonical_key(client: SourceClient, contract: TableContract, key: Sequence[str]) -> tuple[str, ...]:
    """A key as PostgreSQL itself spells it: `1.5` of numeric(10,2) is `1.50`, a uuid has small letters.

    Raises:
        HeadraceError: `trace-key`: PostgreSQL does not take it for a value of the column's type.
    """
    columns = [contract.column(name) for name in contract.key]
    fields = sql.SQL(", ").join(
        sql.SQL("to_jsonb({}) #>> '{{}}' AS {}").format(_typed(column, value), sql.Identifier(f"k{place}"))
        for place, (column, value) in enumerate(zip(columns, key, strict=True))
    )
    try:
        row = client.row(sql.SQL("SELECT {}").format(fields))
    except psycopg.DataError as error:
        raise wrong_key(contract) from error
    assert row is not None
    return tuple(row.values())


def look(client: SourceClient, contract: TableContract, key: Sequence[str], *, values: bool) -> RowLook:
    """The row of a canonical key now.

    Args:
        values: whether to read the columns as well.
    """
    columns = [contract.column(name) for name in contract.key]
    condition = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column.name), _typed(column, value))
        for column, value in zip(columns, key, strict=True)
    )
    shown = [column.name for column in contract.columns if values and column.mask is None]
    pairs = sql.SQL(", ").join(
        sql.SQL("{}, {}::text").format(sql.Literal(name), sql.Identifier(name)) for name in shown
    )
    query = sql.SQL(
        "SELECT r.xmin, (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS lsn,"
        " (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS time_ms,"
        " current_setting('track_commit_timestamp') = 'on' AS keeps,"
        " CASE WHEN current_setting('track_commit_timestamp') = 'on' AND r.xmin IS NOT NULL"
        " THEN floor(extract(epoch FROM pg_xact_commit_timestamp(r.xmin)) * 1000)::bigint END AS committed,"
        " r.shown FROM (SELECT 1) one LEFT JOIN (SELECT xmin, {} AS shown FROM {} WHERE {}) r ON true"
    ).format(
        sql.SQL("jsonb_build_object({})").format(pairs) if shown else sql.SQL("NULL::jsonb"),
        sql.Identifier(contract.table.schema, contract.table.table),
        condition,
    )
    row = client.row(query)
    assert row is not None
    return RowLook(
        xmin=None if row["xmin"] is None else int(row["xmin"]),
        lsn=int(row["lsn"]),
        time_ms=int(row["time_ms"]),
        commit_time_ms=row["committed"],
        keeps_commit_times=bool(row["keeps"]),
        values=row["shown"] or {},
    )


def wrong_key(contract: TableContract) -> HeadraceError:
    """What is said of a key whose values do not fit; the values themselves are not repeated."""
    types = ", ".join(f"{name} {contract.column(name).pg_type}" for name in contract.key)
    return HeadraceError(
        "trace-key",
        f"that is no key of {contract.table}",
        cause=f"its key is ({types})",
        hint="give one value for each column of the key, in this order",
        where=Where(address=f"table:{contract.table}"),
    )


def _typed(column: Column, value: str) -> sql.Composed:
    """A constant of a column's type, named as `format_type` printed it."""
    return sql.SQL("CAST({} AS {})").format(sql.Literal(value), sql.SQL(cast(LiteralString, column.pg_type)))
