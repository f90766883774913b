"""`headrace up`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration
from headrace.errors import HeadraceError, HeadraceErrors


def up(
    no_apply: Annotated[
        bool,
        typer.Option("--no-apply", help="Start the engines only; `headrace plan` shows the rest."),
    ] = False,
    project_directory: ProjectDirectory = None,
    json: Json = False,
) -> None:
    """Start the engines and make the declaration true, as `headrace apply` does.

    Does nothing where everything runs already, and goes on from wherever an earlier attempt ended. The
    engines keep running when the terminal is closed; `headrace down` stops them.

    \b
    Example:
      headrace up
    """
    from headrace.cli.dashboard_address import dashboard_address
    from headrace.cli.engine_progress import EngineProgress
    from headrace.engines import runtime
    from headrace.engines.compose.kafka_ui import SERVICE as KAFKA_UI

    declaration, directory = open_declaration(project_directory)
    with EngineProgress() as progress:
        endpoints = runtime.up(declaration, directory, progress)
    if not no_apply:
        make_true(directory)
    seen = runtime.status(directory)
    dashboard = dashboard_address(declaration, directory, endpoints)
    if json:
        url = dashboard.url if dashboard else None
        output.answer_json({"ok": True, "project": declaration.project, "dashboard": url, **seen.as_dict()})
        return
    output.answer(f"{declaration.project} is up: {', '.join(engine.name for engine in seen.engines)}")
    source, kafka = endpoints.source, endpoints.kafka_bootstrap
    output.answer(f"  PostgreSQL  {source.host}:{source.port}/{source.database} as {source.user}")
    output.answer(f"  Kafka       {kafka}")
    output.answer(f"  Connect     {endpoints.connect_url}")
    output.answer(
        f"  Pinot       {endpoints.pinot_controller_url}, SQL at {endpoints.pinot_broker_url}/query/sql"
    )
    for engine in seen.engines:
        if engine.name == KAFKA_UI:
            output.answer(f"  kafka-ui    http://127.0.0.1:{next(iter(engine.ports.values()))}")
    if endpoints.spark_url:
        output.answer(f"  Spark       {endpoints.spark_url}/views")
    if dashboard is not None:
        output.answer(f"  Dashboard   {dashboard.url}")
        output.answer(f"              user {dashboard.user}, password in {dashboard.password_file}")


def make_true(directory: Path) -> None:
    """Apply the declaration; what is not there yet in a source of our own is said, not an error.

    Raises:
        HeadraceError: `apply-first` when a served table would be dropped: that is never a side effect.
    """
    from headrace.apply.project import open_project
    from headrace.cli.run_lines import show
    from headrace.plan.render import as_json, summary

    project = open_project(directory)
    try:
        found = project.plan()
    except HeadraceError as error:
        missing = tables_missing(error)
        if project.declaration.source is not None or not missing:
            raise
        output.warn(
            f"not in PostgreSQL yet: {', '.join(missing)}",
            "create them, or `headrace load csv FILE --table T --create`; then `headrace apply`",
        )
        return
    if found.dropped:
        raise HeadraceError(
            "apply-first",
            f"{found.dropped[0]} is still served but no longer declared",
            hint="run `headrace apply`: it shows what is removed and asks",
        )
    if not found.empty:
        output.note(summary(found))
        project.apply(as_json(found), show)


def tables_missing(error: HeadraceError) -> list[str]:
    """The tables that do not exist, when that is all that is wrong; else nothing."""
    errors = error.errors if isinstance(error, HeadraceErrors) else (error,)
    if any(one.code != "table-missing" for one in errors):
        return []
    return sorted(one.where.address.partition(":")[2] for one in errors if one.where and one.where.address)
