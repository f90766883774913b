"""`headrace up`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, open_declaration

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
    make_true(declaration, directory, endpoints)
    seen = runtime.status(directory)
    if json:
        output.answer_json({"ok": True, "project": declaration.project, **seen.as_dict()})
        return
    output.answer(f"{declaration.project} is up: {', '.join(engine.name for engine in seen.engines)}")
    source, kafka = endpoints.source, endpoints.kafka_bootstrap
    output.answer(f"  PostgreSQL  {source.host}:{source.port}/{source.database} as {source.user}")
    output.answer(f"  Kafka       {kafka}")
    output.answer(f"  Connect     {endpoints.connect_url}")
    output.answer(f"  Pinot       {endpoints.pinot_controller_url}")


def make_true(declaration: Declaration, directory: Path, endpoints: Endpoints) -> None:
    """What `up` does once the engines are ready: the place where the declaration is applied."""
