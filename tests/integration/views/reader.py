"""A reader that never rests: what it sees of a view may not go back."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from headrace.errors import HeadraceError
from headrace.hops.serve.answer import checked_rows
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.directory import resolve
from tests.integration.views.project import ViewProject


@dataclass
class Reader:
    """Asks for keys and versions of all rows of the views, again and again, as a table of Pinot has them.

    Attributes:
        faults: a key twice in one answer, a version smaller than one seen before, a generation that comes
            back after a later one; the key itself is left out.
        answers: how many answers were looked at, by view.
        errors: what was not answered.
    """

    project: ViewProject
    views: Sequence[str]
    faults: list[str] = field(default_factory=list[str])
    answers: dict[str, int] = field(default_factory=dict[str, int])
    errors: list[str] = field(default_factory=list[str])
    _seen: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    _generation: dict[str, int] = field(default_factory=dict[str, int])

    @contextmanager
    def at_work(self) -> Generator[Reader]:
        ends = self.project.open().endpoints
        stop = threading.Event()

        def read() -> None:
            with PinotClient(ends.pinot_controller_url, ends.pinot_broker_url) as pinot:
                while not stop.wait(0.02):
                    for view in self.views:
                        try:
                            self._look(pinot, view)
                        except HeadraceError as error:
                            self.errors.append(f"{view}: {error}")

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join(timeout=60)
        assert not self.faults, self.faults[:10]
        assert all(self.answers.get(view, 0) > 10 for view in self.views), (self.answers, self.errors[:5])

    def _look(self, pinot: PinotClient, view: str) -> None:
        found = resolve(pinot, self.project.name, view)
        number = found.names.number
        if number < self._generation.get(view, 0):
            self.faults.append(f"{view}: generation {number} again")
        self._generation[view] = number
        rows = checked_rows(pinot.query(f'SELECT __key, __version FROM "{found.physical}" LIMIT 100000'))
        seen = self._seen.setdefault(found.physical, {})
        keys: set[str] = set()
        for row in rows:
            key, version = str(row[0]), int(str(row[1]))
            if key in keys:
                self.faults.append(f"{view}: a key twice in one answer")
            keys.add(key)
            if version < seen.get(key, 0):
                self.faults.append(f"{view}: version {version} after {seen[key]}")
            seen[key] = version
        self.answers[view] = self.answers.get(view, 0) + 1
