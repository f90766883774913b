"""`headrace feed pull`: rows of a REST API into source tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration
from headrace.errors import HeadraceError
from headrace.names import TableName

if TYPE_CHECKING:
    from headrace.feed.pull.client import ClientOptions, Traffic
    from headrace.feed.pull.pull import ListOptions, PullReport
    from headrace.feed.pull.session import SessionOptions
    from headrace.feed.pull.sink import Written
    from headrace.spec.model import Declaration


def pull(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of a JSON list, or of an API with a catalogue.")],
    table: Annotated[
        str | None, typer.Option("--table", "-t", help="The table for a list, `orders` or `shop.orders`.")
    ] = None,
    all_lists: Annotated[
        bool, typer.Option("--all", help="Every list of the catalogue at URL; so it is without --table.")
    ] = False,
    create: Annotated[
        bool, typer.Option("--create", help="Create tables, and columns for fields that appear later.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(metavar="FIELDS", help="What tells rows apart, separated by commas.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="FIELD=TYPE", help="A column's type, not inferred.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on asking for changes until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks of --follow.")] = 1.0,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="With --follow, end after that.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget how far earlier runs came.")] = False,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=REFERENCE", help='"Authorization=env:TOKEN"; kept on URL\'s host.'),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=REFERENCE", help="A secret that goes into the query, api_key=env:KEY."),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.01, help="Requests per second, at most.")] = 10.0,
    attempts: Annotated[int, typer.Option(min=1, help="How often a request is tried.")] = 8,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds an answer may keep silent.")] = 30.0,
    cafile: Annotated[
        Path | None, typer.Option(help="Certificates to trust instead of the system's.")
    ] = None,
    paging: Annotated[
        str | None, typer.Option(help="cursor, link, page, offset or single; else seen in the first answer.")
    ] = None,
    param: Annotated[
        str | None, typer.Option(help="The parameter that carries the cursor, the page or the offset.")
    ] = None,
    next_field: Annotated[
        str | None, typer.Option(help="Where the next cursor or address stands, meta.next_cursor.")
    ] = None,
    items: Annotated[str | None, typer.Option(help="Where the rows stand in an answer, data.orders.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows to ask for at once.")] = None,
    limit_param: Annotated[str, typer.Option(help="The parameter that carries --limit.")] = "limit",
    first_page: Annotated[int, typer.Option(min=0, help="The number of the first page.")] = 1,
    recheck: Annotated[
        bool,
        typer.Option("--recheck/--no-recheck", help="Hold pages and offsets against rows that move."),
    ] = True,
    updated_field: Annotated[str | None, typer.Option(help="The field that says when a row changed.")] = None,
    since_param: Annotated[
        str | None, typer.Option(help="The parameter that asks for rows changed since a time.")
    ] = None,
    overlap: Annotated[
        float, typer.Option(min=0, help="Seconds to look back behind the latest change seen.")
    ] = 30.0,
    reject_file: Annotated[
        Path | None,
        typer.Option(
            help="Where rows go that do not fit. Default: TABLE.rejects.csv here.", show_default=False
        ),
    ] = None,
    max_rejects: Annotated[int, typer.Option(min=0, help="With more of them the pull ends.")] = 1000,
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Pull a JSON list into a table, or every list of an API that has a catalogue.

    Rows replace those with the same key. How far it came is committed with the rows, so running it again
    after anything goes on from there; later runs ask for changes only, where the API can tell them.

    \b
    Example:
      headrace feed pull http://127.0.0.1:8700/ --create
      headrace feed pull https://HOST/orders -t orders --create --header "Authorization=Bearer env:TOKEN"
    """
    from headrace.cli.feed_secrets import pairs
    from headrace.feed.pull.client import ClientOptions
    from headrace.feed.pull.pull import ListOptions
    from headrace.feed.pull.session import SessionOptions
    from headrace.feed.pull.style import STYLES

    if paging is not None and paging not in STYLES:
        raise HeadraceError("usage", f"--paging is one of {', '.join(STYLES)}")
    if table is not None and all_lists:
        raise HeadraceError("usage", "--all and --table exclude each other")
    declaration, directory = open_declaration(project_directory)
    client_options = ClientOptions(
        headers=pairs(header or (), "--header", directory),
        query=pairs(query or (), "--query", directory),
        requests_per_s=rate,
        attempts=attempts,
        timeout_s=timeout,
        authorities=str(cafile) if cafile else None,
    )
    list_options = ListOptions(
        url=url,
        paging=paging,
        parameter=param,
        next_field=next_field,
        items=items,
        limit=limit,
        limit_parameter=limit_param,
        first_page=first_page,
        recheck=recheck,
        key=tuple(part.strip() for part in key.split(",")) if key else None,
        updated_field=updated_field,
        since_parameter=since_param,
        overlap=timedelta(seconds=overlap),
    )
    options = SessionOptions(
        create=create,
        types=_declared_types(types or ()),
        restart=restart,
        reject_file=reject_file,
        max_rejects=max_rejects,
        follow=follow,
        every_s=every,
        for_s=seconds,
    )
    _run(declaration, directory, table, client_options, list_options, options)


def _run(
    declaration: Declaration,
    directory: Path,
    table: str | None,
    client_options: ClientOptions,
    list_options: ListOptions,
    options: SessionOptions,
) -> None:
    from headrace.engines import runtime
    from headrace.feed.connect import connect
    from headrace.feed.pull.client import ApiClient
    from headrace.feed.pull.session import PullSession

    name = TableName.parse(table) if table else None
    with output.progress(f"pull {name or 'all'}") as line:

        def waiting(why: str, wait_s: float) -> None:
            line.step(f"{why}; asking again in {wait_s:.1f} s")

        def show(at: TableName, written: Written) -> None:
            line.step(str(at), detail=f" {written.rows:,} rows")

        with (
            ApiClient(list_options.url, client_options, waiting) as client,
            connect(runtime.source(declaration, directory)) as connection,
        ):
            session = PullSession(
                client, connection, name, list_options, options, note=output.note, progress=show
            )
            try:
                session.run()
            except HeadraceError:
                raise
            except BaseException:
                output.note("what was committed stays; the same command goes on from there")
                raise
            reports = session.reports()
            line.finish(f"{sum(report.written.rows for report in reports):,} rows")
            _answer(reports, client.traffic)
    undeclared = [one.table for one in reports if all(d.table != one.table for d in declaration.declared)]
    if undeclared:
        names = ", ".join(map(str, undeclared))
        output.note(f"not in headrace.yaml yet: {names}; add to `tables` and run `headrace apply`")


def _answer(reports: Sequence[PullReport], traffic: Traffic) -> None:
    if output.json_wanted():
        output.answer_json(
            {
                "ok": True,
                "requests": traffic.requests,
                "retries": traffic.retries,
                "tables": [report.as_dict() for report in reports],
            }
        )
        return
    headers = ("table", "rows read", "inserted", "updated", "unchanged", "rejected")
    rows = [
        (str(r.table), r.written.rows, r.written.inserted, r.written.updated, r.written.unchanged,
         r.written.rejected)
        for r in reports
    ]  # fmt: skip
    output.answer(output.table(headers, rows))
    rejected = sum(report.written.rejected for report in reports)
    if rejected:
        output.warn(
            f"{rejected:,} rows do not fit their table", "they are in the reject file with the reason"
        )


def _declared_types(values: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, equals, kind = value.partition("=")
        if not equals:
            raise HeadraceError("usage", "--type is FIELD=TYPE", hint="for instance amount=numeric(10,2)")
        found[name.strip()] = kind.strip().lower()
    return found
