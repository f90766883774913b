"""A project made for the length of a demonstration or a measurement, and removed again."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.apply.progress import Event, StageBegun
from headrace.apply.project import Project, open_project
from headrace.engines import runtime
from headrace.engines.install import install
from headrace.engines.installation import headrace_home
from headrace.engines.lifecycle import EnginesSeen
from headrace.engines.lifecycle import Event as EngineEvent
from headrace.engines.record import EngineState
from headrace.feed.connect import connect
from headrace.feed.target import Connection
from headrace.plan.render import title

Tell = Callable[[str], None]


@contextmanager
def scratch_project(
    name: str,
    tables: Mapping[str, Mapping[str, object]],
    prepare: Callable[[Connection], None],
    tell: Tell,
    *,
    keep: Path | None = None,
    views: Mapping[str, str] | None = None,
    dashboard: Mapping[str, object] | None = None,
) -> Generator[Project]:
    """Start engines of their own, make the tables, apply, and give the running project.

    Whatever happens inside, the engines are stopped and their data removed at the end, unless `keep` names
    the folder they are to stay in.

    Args:
        name: of the project.
        tables: what headrace.yaml says under `tables`.
        prepare: makes the tables in the embedded PostgreSQL, before the first apply.
        tell: told of every step, in a few words.
        views: what it says under `views`.
        dashboard: what it says under `dashboard`; None declares none. Superset must be installed for one.
    """
    declared: dict[str, object] = {
        "project": name,
        "tables": {table: options or None for table, options in tables.items()},
    }
    if views:
        declared["views"] = dict(views)
    if dashboard is not None:
        declared["dashboard"] = dict(dashboard)
    with scratch_folder(name, tell, keep=keep) as folder:
        (folder / "headrace.yaml").write_text(json.dumps(declared, indent=2) + "\n", encoding="utf-8")
        engines_installed(tell)
        project = open_project(folder)
        tell("starting the engines")
        endpoints = runtime.up(project.declaration, folder, _Ready(tell))
        with connect(endpoints.source) as connection:
            prepare(connection)
        tell("headrace apply: all that is needed, from PostgreSQL's catalogue")
        project.apply(progress=_stages(tell))
        yield project


@contextmanager
def scratch_folder(name: str, tell: Tell, *, keep: Path | None = None) -> Generator[Path]:
    """Give a folder for a project; whatever was started in it is stopped and removed at the end.

    Args:
        name: stands in the folder's name.
        tell: told of it.
        keep: this folder, and nothing in it is stopped or removed.
    """
    folder = _folder(name, keep)
    try:
        yield folder
    finally:
        if keep is None:
            tell("stopping the engines and removing their data")
            runtime.down(folder, purge=True)
            shutil.rmtree(folder, ignore_errors=True)


def engines_installed(tell: Tell) -> None:
    """Install the engines unless they are; what is complete already is not told."""
    install(headrace_home(), _unless_complete(tell))


class _Ready:
    """Tells of each engine once: when it is ready for the first time."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def __call__(self, event: EngineEvent) -> None:
        if not isinstance(event, EnginesSeen):
            return
        for engine in event.engines:
            if engine.state is EngineState.READY and engine.name not in self._told:
                self._told.add(engine.name)
                self._tell(f"  {engine.name} is ready")


def _stages(tell: Tell) -> Callable[[Event], None]:
    def show(event: Event) -> None:
        if isinstance(event, StageBegun):
            tell(f"  {event.position}/{event.count} {title(event.stage)}")

    return show


def _unless_complete(tell: Tell) -> Tell:
    """What is installed already is not worth a line."""

    def show(line: str) -> None:
        if not line.endswith(": complete"):
            tell(line)

    return show


def _folder(name: str, keep: Path | None) -> Path:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return keep
    folder = Path(tempfile.mkdtemp(prefix=f"headrace-{name}-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user than we
    return folder
