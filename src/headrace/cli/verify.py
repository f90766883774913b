"""`headrace verify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory
from headrace.errors import ExitCode

if TYPE_CHECKING:
    from headrace.verify.verdict import Difference, TableVerdict

SHOWN = 20
"""Differing rows printed for each table; `--json` has all that were looked at."""


def verify(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE|VIEW]...", help="All declared ones when absent."),
    ] = None,
    project_directory: ProjectDirectory = None,
    show_values: Annotated[
        bool,
        typer.Option("--show-values", help="Print the values of differing columns, not their names only."),
    ] = False,
    json: Json = False,
) -> None:
    """Compare Pinot with PostgreSQL row for row, while both go on being written.

    A view is compared with what PostgreSQL answers to its SQL at one moment.

    Exits with 5 when anything differs, and when a table is not exact although its rows are equal: a column
    came or went at the source, rows were set aside, a slot or a log was lost. Columns that PostgreSQL does
    not have any more as they were are named and left out. Takes no lock but that of a SELECT and writes
    nothing but a message into the WAL.

    \b
    Example:
      headrace verify orders
    """
    from headrace.apply.project import open_project

    project = open_project(project_directory)
    wanted = [project.named(text) for text in tables] if tables else None
    with output.progress("verify") as progress:
        verdicts = project.verify(wanted, lambda what, done, total: progress.step(what, done, total or None))
        exact = all(verdict.exact for verdict in verdicts)
        progress.finish("equal" if exact else "not exact")
    if json:
        output.answer_json(as_document(verdicts, show_values))
    else:
        show(verdicts, show_values)
    if not exact:
        raise typer.Exit(int(ExitCode.DATA_DIFFER))


def as_document(verdicts: Sequence[TableVerdict], show_values: bool) -> dict[str, object]:
    """The JSON form; values of rows only when they were asked for, keys always."""
    return {
        "ok": True,
        "equal": all(verdict.equal for verdict in verdicts),
        "exact": all(verdict.exact for verdict in verdicts),
        "tables": [_table(verdict, show_values) for verdict in verdicts],
    }


def _table(verdict: TableVerdict, show_values: bool) -> dict[str, object]:
    from headrace.verify.verdict import Fault

    return {
        "table": verdict.table.shown,
        "name": verdict.served_name,
        "equal": verdict.equal,
        "exact": verdict.exact,
        "source_rows": verdict.source_rows if verdict.compared else None,
        "pinot_rows": verdict.pinot_rows if verdict.compared else None,
        **{fault.value: verdict.count(fault) for fault in Fault},
        "unconfirmed": verdict.unconfirmed,
        "undecided": verdict.undecided,
        "masked_columns": list(verdict.masked),
        "inexact": list(verdict.inexact),
        "compared": verdict.compared,
        "columns_not_compared": list(verdict.not_compared),
        "seconds": round(verdict.seconds, 3),
        "differences": [_difference(difference, show_values) for difference in verdict.differences],
    }


def _difference(difference: Difference, show_values: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "fault": difference.fault.value,
        "key": list(difference.key),
        "columns": list(difference.columns),
    }
    if difference.reason:
        found["reason"] = difference.reason
    if show_values:
        found["source"] = dict(difference.source)
        found["pinot"] = dict(difference.pinot)
    return found


def show(verdicts: Sequence[TableVerdict], show_values: bool) -> None:
    """Print a line for every table, then what differs, by key and column; values only when asked for."""
    from headrace.verify.verdict import Fault

    # What never happens in Pinot's normal course takes no room beside a table's name.
    doubled = any(verdict.count(Fault.DOUBLED) for verdict in verdicts)
    faults = [fault for fault in Fault if doubled or fault is not Fault.DOUBLED]
    headers = ("table", "verdict", "rows", *(fault.value for fault in faults), "seconds")
    rows = [
        (
            verdict.table.shown,
            _word(verdict),
            verdict.source_rows if verdict.compared else None,
            *(verdict.count(fault) for fault in faults),
            round(verdict.seconds, 1),
        )
        for verdict in verdicts
    ]
    output.answer(output.table(headers, rows))
    for verdict in verdicts:
        for reason in verdict.inexact:
            output.answer(f"{verdict.table.shown} is not exact: {reason}")
        for difference in verdict.differences[:SHOWN]:
            output.answer(f"{verdict.table.shown}: {_line(difference, show_values)}")
        hidden = len(verdict.differences) - SHOWN + verdict.unconfirmed
        if hidden > 0:
            output.answer(f"{verdict.table.shown}: and {hidden:,} more")
        if verdict.undecided:
            output.answer(
                f"{verdict.table.shown}: {verdict.undecided:,} rows kept changing and could not be decided"
            )
        if not verdict.compared:
            output.note(f"{verdict.table.shown}: no row can be compared any more")
        elif verdict.not_compared:
            output.note(f"{verdict.table.shown}: not compared: {', '.join(verdict.not_compared)}")
        if verdict.masked:
            output.note(f"{verdict.table.shown}: masked, compared for NULL only: {', '.join(verdict.masked)}")


def _word(verdict: TableVerdict) -> str:
    if not verdict.compared:
        return "not compared"
    if verdict.equal:
        return "equal" if verdict.exact else "not exact"
    return "undecided" if not verdict.differences and not verdict.unconfirmed else "differs"


def _line(difference: Difference, show_values: bool) -> str:
    line = f"{difference.fault} ({', '.join(difference.key)})"
    if difference.reason:
        return f"{line}: {difference.reason}"
    if not difference.columns:
        return line
    if not show_values:
        return f"{line}: {', '.join(difference.columns)}"
    source, pinot = dict(difference.source), dict(difference.pinot)
    return line + "".join(
        f"\n  {name}: {_value(source.get(name))} in PostgreSQL, {_value(pinot.get(name))} in Pinot"
        for name in difference.columns
    )


def _value(value: str | None) -> str:
    return "NULL" if value is None else f"'{value}'"
