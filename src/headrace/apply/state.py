"""What must survive and no system holds: `.headrace/state.json`.

Promise: written whole or not at all (a new file, synced, renamed over the old). Losing it loses no row: a
capture whose birth is not remembered is built anew if it was not live, and replica identities then stay FULL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import BaseModel, ValidationError

from headrace.engines.folder import write_atomically
from headrace.errors import HeadraceError, Where
from headrace.names import TableName

VERSION = 1
FILE_NAME = "state.json"


class BirthRecord(BaseModel):
    """A capture that was begun: the shape of each table, and where its slot began."""

    shapes: dict[str, str]
    consistent_point: int | None = None


class _File(BaseModel):
    version: int = VERSION
    project: str
    next_capture: int = 1
    next_view: int = 1
    charts_checked: str | None = None
    births: dict[int, BirthRecord] = {}
    identities: dict[str, str] = {}
    applied: dict[str, str] = {}
    resync_above: dict[str, int] = {}
    schemas: list[str] = []


@dataclass(frozen=True)
class State:
    """The remembered part of a project.

    Attributes:
        project: whose it is.
        next_capture: the lowest capture number never used.
        next_view: the lowest number of a generation of a view never used.
        births: by capture number.
        identities: replica identities found before headrace changed them.
        applied: by address, the digest of what the last apply made of it.
        charts_checked: the digest of the dashboard whose charts were last seen to be right.
        resync_above: tables and views that were asked to start over: their generation must be above it.
        schemas: addresses of Pinot tables not wholly removed: a schema without its table is in no list.
    """

    project: str
    next_capture: int = 1
    births: Mapping[int, BirthRecord] = field(default_factory=dict[int, BirthRecord])
    identities: Mapping[TableName, str] = field(default_factory=dict[TableName, str])
    applied: Mapping[str, str] = field(default_factory=dict[str, str])
    resync_above: Mapping[TableName, int] = field(default_factory=dict[TableName, int])
    next_view: int = 1
    charts_checked: str | None = None
    schemas: frozenset[str] = frozenset()

    def with_birth(self, number: int, shapes: Mapping[TableName, str]) -> State:
        """Reserve a capture number for good and remember what it is begun for."""
        birth = BirthRecord(shapes={str(table): shape for table, shape in shapes.items()})
        births = {**self.births, number: birth}
        return replace(self, births=births, next_capture=max(self.next_capture, number + 1))

    def with_consistent_point(self, number: int, lsn: int) -> State:
        birth = self.births[number].model_copy(update={"consistent_point": lsn})
        return replace(self, births={**self.births, number: birth})

    def shapes(self, number: int) -> dict[TableName, str] | None:
        birth = self.births.get(number)
        return None if birth is None else {TableName.parse(t): shape for t, shape in birth.shapes.items()}


class StateStore:
    """Reads and writes the state of one project."""

    def __init__(self, directory: Path, project: str) -> None:
        self._path = directory / FILE_NAME
        self._project = project

    def load(self) -> State:
        """What was saved; a new state when there is none. HeadraceError for a file that is not ours."""
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return State(self._project)
        try:
            found = _File.model_validate_json(text)
        except ValidationError as error:
            raise self._refused("cannot be read", f"{error.error_count()} values are wrong") from error
        if found.version != VERSION:
            raise self._refused("was written by another version of headrace", f"version {found.version}")
        if found.project != self._project:
            raise HeadraceError(
                "project-renamed",
                f"this directory holds the state of project {found.project}, not of {self._project}",
                hint=f"name the project {found.project} again and run `headrace destroy` before renaming it",
                where=Where(file=str(self._path)),
            )
        return State(
            project=found.project,
            next_capture=found.next_capture,
            next_view=found.next_view,
            charts_checked=found.charts_checked,
            births=found.births,
            identities={TableName.parse(t): identity for t, identity in found.identities.items()},
            applied=found.applied,
            resync_above={TableName.parse(t): number for t, number in found.resync_above.items()},
            schemas=frozenset(found.schemas),
        )

    def save(self, state: State) -> None:
        """Replace what was saved; on return it is on the disk."""
        content = _File(
            project=state.project,
            next_capture=state.next_capture,
            next_view=state.next_view,
            charts_checked=state.charts_checked,
            births=dict(state.births),
            identities={str(t): identity for t, identity in state.identities.items()},
            applied=dict(state.applied),
            resync_above={str(t): number for t, number in state.resync_above.items()},
            schemas=sorted(state.schemas),
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, content.model_dump_json(indent=2) + "\n", mode=0o600)

    def _refused(self, what: str, cause: str) -> HeadraceError:
        return HeadraceError(
            "state-unreadable",
            f"the project's state {what}",
            cause=cause,
            hint="restore the file, or move it away: headrace then rebuilds what it cannot prove",
            where=Where(file=str(self._path)),
        )
