"""What `up` and `down` have in common: one of them at a time, and what they tell whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from headrace.engines.folder import ProjectFolder, exclusive
from headrace.engines.process import ProcessIdentity, leads_session, marked
from headrace.engines.record import EngineRecord, read_engines
from headrace.engines.stopping import SUPERVISOR
from headrace.errors import HeadraceError


@dataclass(frozen=True)
class Note:
    """A sentence for people."""

    text: str


@dataclass(frozen=True)
class EnginesSeen:
    """How the engines stand; told again and again while something is waited for."""

    engines: tuple[EngineRecord, ...]


Event = Note | EnginesSeen
Progress = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Nobody watches."""


@contextmanager
def alone(folder: ProjectFolder) -> Generator[None]:
    """Be the only `up` or `down` in this directory while inside.

    Raises:
        HeadraceError: `project-busy` when there is another one.
    """
    with exclusive(folder.lifecycle_lock) as held:
        if not held:
            pid = folder.lifecycle_lock.read_text(encoding="ascii").strip()
            raise HeadraceError(
                "project-busy",
                "another `headrace up` or `headrace down` is at work in this directory",
                cause=f"pid {pid}" if pid else None,
                hint="wait for it to end, or interrupt it",
            )
        yield


def find_supervisor(folder: ProjectFolder) -> ProcessIdentity | None:
    """The live supervisor of this directory, also one that has written nothing yet."""
    recorded = read_engines(folder).supervisor
    if recorded is not None and recorded.alive():
        return recorded
    for process, mark in marked(folder.directory).items():
        if mark.engine == SUPERVISOR and leads_session(process):
            return process
    return None
