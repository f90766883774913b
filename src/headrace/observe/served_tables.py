"""Which tables and views are served, for watchers that ask again and again."""

from __future__ import annotations

import time

from headrace.hops.serve import directory
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import Directory
from headrace.hops.serve.render import Status

LOOK_S = 10.0


class ServedTables:
    """The directory of a project, where every config is a request of its own.

    Promise: it is read again when a table came or went (a switch begins with a new name and ends with an old
    one gone), while one is being built or retired, and every `LOOK_S` at the latest.
    """

    def __init__(self, pinot: PinotClient, project: str) -> None:
        self._pinot = pinot
        self._project = project
        self._names: list[str] = []
        self._known: Directory | None = None
        self._looked_at = 0.0

    def look(self) -> Directory:
        names = sorted(directory.candidates(self._pinot, self._project))
        known, now = self._known, time.monotonic()
        if (
            known is None
            or names != self._names
            or any(one.status is not Status.LIVE for one in known.generations)
            or now - self._looked_at >= LOOK_S
        ):
            known = directory.look(self._pinot, self._project)
            self._names, self._known, self._looked_at = names, known, now
        return known
