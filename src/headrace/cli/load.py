"""`headrace load csv`: rows from a file into a source table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration
from headrace.engines import runtime
from headrace.feed.connect import connect
from headrace.feed.csv_reader import Dialect
from headrace.feed.load import LoadOptions, LoadReport, Progress, load_csv
from headrace.names import TableName

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def load() -> None:
    """Load rows from a file into a source table, in one transaction."""


@app.command("csv")
def csv(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, plain or gzip; `-` is standard input.")],
    table: Annotated[
        str,
        typer.Option("--table", "-t", envvar="HEADRACE_TABLE", help="The table, `orders` or `shop.orders`."),
    ],
    create: Annotated[
        bool, typer.Option("--create", help="Create the table if it is not there, types from the whole file.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="COLUMNS", help="Columns that tell rows apart, separated by commas."),
    ] = None,
    delimiter: Annotated[str, typer.Option(help="Between fields; `\\t` is a tab.")] = ",",
    encoding: Annotated[str, typer.Option(help="Of the file, for instance cp1252.")] = "utf-8",
    null: Annotated[str, typer.Option(help="What an unquoted field must be to stand for NULL.")] = "",
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="The first line names columns.")
    ] = True,
    reject_file: Annotated[
        Path | None,
        typer.Option(
            help="Where bad lines go. Default: FILE.rejects.csv in this folder.", show_default=False
        ),
    ] = None,
    max_rejects: Annotated[int, typer.Option(min=0, help="With more bad lines nothing is loaded.")] = 1000,
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Load a CSV file: all of it in one transaction, bad lines to a reject file.

    With a key (--key, or the table's primary key when the file has it) rows replace those with the same key,
    and running it again changes nothing. Without one, rows are added.

    \b
    Example:
      headrace load csv orders.csv.gz --table orders --create --key id
    """
    declaration, directory = open_declaration(project_directory)
    options = LoadOptions(
        create=create,
        key=tuple(part.strip() for part in key.split(",")) if key else None,
        dialect=Dialect(delimiter.replace("\\t", "\t"), encoding, null, header),
        reject_file=reject_file,
        max_rejects=max_rejects,
    )
    name = TableName.parse(table)
    source = cast(BinaryIO, sys.stdin.buffer) if str(file) == "-" else file
    address = runtime.source(declaration, directory)
    with connect(address) as connection, output.progress(f"load {name}") as line:
        report = load_csv(connection, source, name, options, lambda at: _show(line, at))
        line.finish(f"{report.rows:,} rows")
    _answer(report)
    if not any(declared.table == name for declared in declaration.declared):
        output.note(f"{name} is not in headrace.yaml yet: add it to `tables` and run `headrace apply`")


def _show(line: output.Progress, at: Progress) -> None:
    words = {"reading": "reading", "checking": "checking values", "writing": "writing"}
    line.step(words[at.phase], at.read_bytes if at.phase == "reading" else None, at.total_bytes)


def _answer(report: LoadReport) -> None:
    if output.json_wanted():
        output.answer_json(report.as_dict())
        return
    if report.created:
        output.answer(f"created {report.table}, key {', '.join(report.key) or 'an identity column'}")
        output.answer(output.table(("field", "column", "type"), report.columns))
    output.answer(
        f"{report.table}: {report.inserted:,} inserted, {report.updated:,} updated,"
        f" {report.unchanged:,} unchanged, {report.rejected:,} rejected"
    )
    if report.duplicates:
        output.answer(f"{report.duplicates:,} lines were replaced by a later line with the same key")
    if report.rejected:
        output.warn(
            f"{report.rejected:,} lines are not loaded, see {report.reject_file}",
            "correct them there and load that part again",
        )
    if not report.key:
        output.note("no key: loading the file again adds its rows again")
