"""The tables the measurements write to, in a project of their own."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

Connection = psycopg.Connection[Any]

READINGS = "readings"
PULSE = "pulse"
BULK = "bulk"
UNSERVED = "bulk_unserved"

DECLARED: dict[str, dict[str, object]] = {
    f"public.{READINGS}": {},
    f"public.{PULSE}": {},
    f"public.{BULK}": {},
}

_EIGHT_COLUMNS = """(id bigint PRIMARY KEY, seq bigint NOT NULL, device integer NOT NULL,
    status text NOT NULL, value numeric(12,3), note text, flag boolean, at timestamptz NOT NULL)"""

_SCHEMA: tuple[LiteralString, ...] = (
    "CREATE TABLE IF NOT EXISTS readings " + _EIGHT_COLUMNS,
    "CREATE TABLE IF NOT EXISTS bulk " + _EIGHT_COLUMNS,
    "CREATE TABLE IF NOT EXISTS bulk_unserved " + _EIGHT_COLUMNS,
    "CREATE TABLE IF NOT EXISTS pulse (id bigint PRIMARY KEY, at timestamptz NOT NULL)",
)

_FILL: LiteralString = """
SELECT n, 0, n %% 5000, (ARRAY['new','ok','late','lost'])[1 + n %% 4], (n %% 100000) / 1000.0,
       'reading ' || n, n %% 3 = 0, now() FROM generate_series(%s::bigint, %s::bigint) n"""


def create_tables(connection: Connection) -> None:
    """Make the four tables in an empty database."""
    for statement in _SCHEMA:
        connection.execute(statement)


def commit_reading(connection: Connection, number: int) -> None:
    """Commit one row of `readings`."""
    connection.execute(
        "INSERT INTO readings VALUES (%s, 0, 1, 'ok', 1.5, NULL, true, now())",
        (number,),
    )


def commit_probe(connection: Connection, device: int) -> None:
    """Commit one row of `readings`, the only one of its device."""
    connection.execute(
        "INSERT INTO readings VALUES (%s, 0, %s, 'ok', 1.5, NULL, true, now())", (device, device)
    )


def commit_pulse(connection: Connection, number: int) -> None:
    """Commit one row of `pulse`."""
    connection.execute("INSERT INTO pulse VALUES (%s, now())", (number,))


def commit_bulk(connection: Connection, *, served: bool, first: int, last: int) -> None:
    """Commit the rows first..last in one statement."""
    into: LiteralString = "INSERT INTO bulk " if served else "INSERT INTO bulk_unserved "
    connection.execute(into + _FILL, (first, last))


def commit_batch(connection: Connection, *, updates: range, first: int, inserts: int) -> None:
    """Commit updates of rows and new ones from `first` on in one transaction, which ends with a new row."""
    with connection.pipeline(), connection.transaction():
        connection.execute(
            "UPDATE readings SET seq = seq + 1, status = 'ok', value = value + 1 WHERE id = ANY(%s)",
            (list(updates),),
        )
        connection.execute(
            "INSERT INTO readings SELECT n, 0, n %% 5000, 'new', 1.5, NULL, true, now()"
            " FROM generate_series(%s::bigint, %s::bigint) n",
            (first, first + inserts - 1),
        )
