"""The one place in the supervisor where it stands how each engine is doing."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from headrace.engines.folder import ProjectFolder
from headrace.engines.process import ProcessIdentity
from headrace.engines.record import EngineRecord, EnginesFile, EngineState, SupervisorError, write_engines

_log = structlog.stdlib.get_logger("board")


@dataclass
class Board:
    """Records of all engines. Thread-safe; every change is on disk before `change` returns.

    A full disk does not stop the supervisor: the file then lags behind until the next change or `flush`.
    """

    folder: ProjectFolder
    supervisor: ProcessIdentity
    _records: dict[str, EngineRecord] = field(default_factory=dict[str, EngineRecord])
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _behind: bool = False
    _stopping: bool = False
    _served: set[str] = field(default_factory=set[str])

    def inherit(self, records: Iterable[EngineRecord]) -> None:
        """Hold what an earlier supervisor knew, without calling it news."""
        with self._changed:
            self._records = {record.name: record for record in records}

    def begin(self, records: Iterable[EngineRecord]) -> None:
        """Hold these records and no others."""
        with self._changed:
            self._records = {record.name: record for record in records}
            self._write()

    def record(self, name: str) -> EngineRecord:
        with self._changed:
            return self._records[name]

    def records(self) -> tuple[EngineRecord, ...]:
        with self._changed:
            return tuple(self._records.values())

    def change(self, name: str, state: EngineState, **fields: Any) -> None:
        """Enter a state and set further fields of the record; no effect when nothing differs."""
        with self._changed:
            old = self._records[name]
            since = old.since if old.state is state else datetime.now(UTC)
            new = dataclasses.replace(old, state=state, since=since, **fields)
            if new == old:
                return
            self._records[name] = new
            if state is EngineState.READY:
                self._served.add(name)
            self._write()
            self._changed.notify_all()
        _log.info("engine", engine=name, state=str(state), reason=new.reason)

    def settled(self) -> bool:
        """Whether every engine has served once, or one has failed: the end of the first start."""
        with self._changed:
            failed = any(record.state is EngineState.FAILED for record in self._records.values())
            return failed or self._records.keys() == self._served

    def not_ready(self, names: Iterable[str]) -> list[EngineRecord]:
        """Those of the named engines that do not serve."""
        with self._changed:
            records = [self._records[name] for name in names]
            return [record for record in records if record.state is not EngineState.READY]

    def wait_for_change(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait(timeout_s)

    def flush(self) -> None:
        """Write again what could not be written."""
        with self._changed:
            if self._behind:
                self._write()

    def stop(self) -> None:
        """Let readers know that everything is about to be stopped."""
        with self._changed:
            self._stopping = True
            self._write()

    def fail(self, error: SupervisorError) -> None:
        """Leave word of why the supervisor gives up."""
        with self._changed:
            self._write(error)

    def close(self) -> None:
        """Leave the records without a supervisor: from now on they are of the past."""
        # On a full disk nothing is written: dead processes speak for themselves.
        with self._changed, contextlib.suppress(OSError):
            write_engines(self.folder, EnginesFile(engines=tuple(self._records.values())))

    def _write(self, error: SupervisorError | None = None) -> None:
        content = EnginesFile(
            supervisor=self.supervisor,
            supervisor_since=self._since,
            stopping=self._stopping,
            error=error,
            engines=tuple(self._records.values()),
        )
        try:
            write_engines(self.folder, content)
            self._behind = False
        except OSError as problem:
            self._behind = True
            _log.error("engines file not written", cause=problem.strerror)
