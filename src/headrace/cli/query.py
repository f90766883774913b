"""`headrace query`."""

from __future__ import annotations

import csv as csv_text
import json as json_text
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, Timeout
from headrace.errors import HeadraceError
from headrace.lsn import parse_lsn

if TYPE_CHECKING:
    from headrace.hops.serve.query import QueryResult


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="A SELECT over one served table; - reads stdin.")],
    project_directory: ProjectDirectory = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after",
            metavar="LSN|now",
            help="Wait until the answer holds everything committed up to this point of the WAL.",
        ),
    ] = None,
    timeout: Timeout = 10.0,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")] = False,
    json: Json = False,
) -> None:
    """Ask Pinot, by the names of the declaration, and get PostgreSQL's answer.

    NULLs, sums of decimals and averages are as in PostgreSQL. An answer that Pinot could give only in part is
    an error. Without LIMIT every row comes, up to a million.

    \b
    Example:
      headrace query "SELECT country, SUM(amount) FROM orders GROUP BY country" --after now
    """
    from headrace.apply.project import open_project

    if csv and json:
        raise HeadraceError("usage", "--csv and --json exclude each other")
    text = sys.stdin.read() if sql == "-" else sql
    result = open_project(project_directory).query(
        text,
        up_to_now=after == "now",
        after_lsn=None if after in (None, "now") else _lsn(after),
        timeout_s=timeout,
    )
    for warning in result.warnings:
        output.warn(warning)
    if json:
        output.answer_json(as_document(result))
    elif csv:
        _print_csv(result)
    else:
        _print_table(result)


def as_document(result: QueryResult) -> dict[str, object]:
    """The JSON form: decimals, instants and bytes as text, so that nothing is lost on the way."""
    return {
        "ok": True,
        "columns": [{"name": column.name, "type": column.pg_type} for column in result.columns],
        "rows": [[_json_value(value) for value in row] for row in result.rows],
        "warnings": list(result.warnings),
        "table": result.generation.physical,
        "time_ms": result.time_ms,
    }


def _lsn(point: str) -> int:
    found = parse_lsn(point)
    if found is None:
        raise HeadraceError(
            "usage",
            f"--after takes `now` or a point of the WAL such as 0/16B3748, not `{point}`",
            hint="SELECT pg_current_wal_lsn() tells one",
        )
    return found


def _json_value(value: object) -> object:
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if not isinstance(value, dict | list) else json_text.dumps(value)


def _print_csv(result: QueryResult) -> None:
    writer = csv_text.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in result.columns])
    for row in result.rows:
        writer.writerow(["" if value is None else _text(value) for value in row])


def _print_table(result: QueryResult) -> None:
    headers = [column.name for column in result.columns]
    rows = [[_shown(value) for value in row] for row in result.rows]
    output.answer(output.table(headers, rows))
    output.note(f"{len(rows):,} row{'' if len(rows) == 1 else 's'} in {result.time_ms} ms")


def _shown(value: object) -> object:
    if isinstance(value, int | float) or value is None:
        return value
    return _text(value)
