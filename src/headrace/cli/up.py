"""`headrace up`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration
from headrace.errors import HeadraceError, HeadraceErrors

if TYPE_CHECKING:
    from headrace.endpoints import Endpoints
    from headrace.spec.model import Declaration


def up(project_directory: ProjectDirectory = None, json: Json = False) -> None:
    """Start the engines and make the declaration true.

    Does nothing where everything runs already, and goes on from wherever an earlier attempt ended. The
    engines keep running when the terminal is closed; `headrace down` stops them.

    \b
    Example:
      headrace up
    """
    from headrace.cli.engine_progress import EngineProgress
    from headrace.engines import runtime

    declaration, directory = open_declaration(project_directory)
    with EngineProgress() as progress:
        endpoints = runtime.up(declaration, directory, progress)
    make_true(directory)
    seen = runtime.status(directory)
    if json:
        output.answer_json({"ok": True, "project": declaration.project, **seen.as_dict()})
        return
    output.answer(f"{declaration.project} is up: {', '.join(engine.name for engine in seen.engines)}")
    for line in _addresses(declaration, directory, endpoints):
        output.answer(f"  {line}")


def _addresses(declaration: Declaration, directory: Path, endpoints: Endpoints) -> Iterator[str]:
    """Where everything listens, a line each."""
    source = endpoints.source
    yield f"PostgreSQL  {source.host}:{source.port}/{source.database} as {source.user}"
    yield f"Kafka       {endpoints.kafka_bootstrap}"
    yield f"Connect     {endpoints.connect_url}"
    yield f"Pinot       {endpoints.pinot_controller_url}"
    if endpoints.spark_url:
        yield f"Spark       {endpoints.spark_url}/views"
    if endpoints.superset_url:
        from headrace.engines.folder import ProjectFolder
        from headrace.engines.secret_files import superset_password_file
        from headrace.hops.present.shown import slug

        yield f"Dashboard   {endpoints.superset_url}/superset/dashboard/{slug(declaration.project)}/"
        yield f"            admin, password in {_shown(superset_password_file(ProjectFolder.of(directory)))}"


def _shown(path: Path) -> str:
    """Relative where it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


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
