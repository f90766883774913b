"""A project made for the length of a demonstration or a measurement, and removed again."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.apply.project import Project, open_project
from headrace.engines import runtime
from headrace.engines.install import install
from headrace.engines.installation import headrace_home
from headrace.feed.connect import connect
from headrace.feed.target import Connection

Tell = Callable[[str], None]


@contextmanager
def scratch_project(
    name: str,
    tables: Mapping[str, Mapping[str, object]],
    prepare: Callable[[Connection], None],
    tell: Tell,
    *,
    keep: Path | None = None,
) -> Generator[Project]:
    """Start engines of their own, make the tables, apply, and give the running project.

    Whatever happens inside, the engines are stopped and their data removed at the end, unless `keep` names
    the folder they are to stay in.

    Args:
        name: of the project.
        tables: what headrace.yaml says under `tables`.
        prepare: makes the tables in the embedded PostgreSQL, before the first apply.
        tell: told of every step, in a few words.
    """
    folder = _folder(name, keep)
    (folder / "headrace.yaml").write_text(
        json.dumps(
            {"project": name, "tables": {table: options or None for table, options in tables.items()}}
        ),
        encoding="utf-8",
    )
    try:
        tell("installing the engines where they are not yet")
        install(headrace_home(), lambda line: tell(str(line)))
        project = open_project(folder)
        tell("starting PostgreSQL, ZooKeeper, Kafka, Kafka Connect and Pinot")
        endpoints = runtime.up(project.declaration, folder)
        with connect(endpoints.source) as connection:
            prepare(connection)
        tell("creating publication, slot, topics, tables and the connector")
        project.apply()
        yield project
    finally:
        if keep is None:
            tell("stopping the engines and removing their data")
            runtime.down(folder, purge=True)
            shutil.rmtree(folder, ignore_errors=True)


def _folder(name: str, keep: Path | None) -> Path:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return keep
    folder = Path(tempfile.mkdtemp(prefix=f"headrace-{name}-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user than we
    return folder
