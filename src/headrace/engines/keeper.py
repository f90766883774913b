"""Keeps one engine running: start it when what it needs is ready, tell when it serves, start it again."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

import structlog

from headrace.engines import ports
from headrace.engines.board import Board
from headrace.engines.logfile import tail
from headrace.engines.process import Mark, ProcessIdentity, descendants, kill, marked, spawn, terminate
from headrace.engines.record import EngineState
from headrace.engines.request import RestartPolicy
from headrace.engines.service import Service
from headrace.errors import HeadraceError

_READY_POLL_S = 0.2
_ALIVE_POLL_S = 0.2
_FAMILY_INTERVAL_S = 10.0

_log = structlog.stdlib.get_logger("keeper")


class _Died(Exception):
    """One attempt is over; the text says why."""


class _Late(_Died):
    """It was not ready in time, and is ended for that."""


class _Stopping(Exception):
    """The supervisor stops: leave the engine as it is, it is stopped in order by others."""


@dataclass
class Keeper:
    """The life of one engine, run in a thread of its own (`run`).

    Promise: at most one process of the engine at a time, its remains gone before the next start; no failure
    of a definition ends the keeper, it counts as a death; after `stopping` is set the engine is not touched.

    Attributes:
        adopted: a process found running, taken over instead of starting one.
        retry: set to try again after `failed`.
    """

    service: Service
    board: Board
    policy: RestartPolicy
    stopping: threading.Event
    adopted: ProcessIdentity | None = None
    retry: threading.Event = field(default_factory=threading.Event)
    _child: subprocess.Popen[bytes] | None = None
    _family: frozenset[ProcessIdentity] = frozenset()
    _deaths: deque[float] = field(default_factory=deque[float])
    _late_starts: int = 0

    @property
    def name(self) -> str:
        return self.service.name

    def run(self) -> None:
        """Return only after `stopping` is set."""
        while True:
            try:
                self._live_once()
            except _Stopping:
                return
            except _Died as death:
                reason = str(death)
                self._late_starts += isinstance(death, _Late)
            except Exception as error:
                # A full disk, for instance: whatever it is, the engine must not be left without a keeper.
                _log.exception("keeper failed", engine=self.name)
                reason = f"keeping it running failed with {type(error).__name__}"
            if not self._recover(reason):
                return

    def _live_once(self) -> NoReturn:
        process = self.adopted or self._start()
        self.adopted = None
        self._until_ready(process)
        self._until_dead(process)

    def _start(self) -> ProcessIdentity:
        self._wait_for_dependencies()
        self.board.change(self.name, EngineState.PREPARING, reason=None, process=None)
        for name, port in self.service.ports.items():
            if not ports.is_free(port):
                raise _Died(f"port {port} ({name}) is taken by {ports.holder(port)}")
        try:
            self.service.prepare()
        except HeadraceError as error:
            raise _Died(": ".join(part for part in (error.summary, error.cause) if part)) from error
        except Exception as error:
            _log.exception("prepare failed", engine=self.name)
            raise _Died(f"preparing it failed with {type(error).__name__}") from error
        self._check_stopping()
        try:
            self._child = spawn(
                self.service.command,
                log=self.service.log,
                mark=Mark(self.name, self.board.folder.directory),
                environment=self.service.environment,
                directory=self.service.log.parent,
                user=self.service.user,
            )
        except HeadraceError as error:
            raise _Died(": ".join(part for part in (error.summary, error.cause) if part)) from error
        # Not collected yet, so the pid is still its own, even if it has ended already.
        process = ProcessIdentity.of(self._child.pid)
        if process is None:
            raise _Died("it ended at once")
        self.board.change(
            self.name,
            EngineState.STARTING,
            process=process,
            started_at=datetime.now(UTC),
            adopted=False,
        )
        return process

    def _wait_for_dependencies(self) -> None:
        while waited := self.board.not_ready(self.service.depends_on):
            names = ", ".join(f"{record.name} ({record.state})" for record in waited)
            self.board.change(self.name, EngineState.WAITING, reason=f"waits for {names}", process=None)
            self._check_stopping()
            self.board.wait_for_change(_READY_POLL_S)
        self._check_stopping()

    def _until_ready(self, process: ProcessIdentity) -> None:
        deadline = time.monotonic() + self.service.start_timeout_s
        while True:
            self._check_stopping()
            self._check_alive(process)
            waited_for = self._ask_ready()
            # Somebody else may have answered for a process that ended in between.
            self._check_alive(process)
            if waited_for is None:
                self.board.change(self.name, EngineState.READY, reason=None, process=process)
                self._late_starts = 0
                return
            if time.monotonic() > deadline:
                raise _Late(f"not ready after {self.service.start_timeout_s:.0f} s, waited for: {waited_for}")
            self.board.change(self.name, EngineState.STARTING, reason=waited_for, process=process)
            self.stopping.wait(_READY_POLL_S)

    def _ask_ready(self) -> str | None:
        try:
            return self.service.ready()
        except Exception as error:
            _log.exception("readiness check failed", engine=self.name)
            return f"a readiness check that does not fail with {type(error).__name__}"

    def _until_dead(self, process: ProcessIdentity) -> NoReturn:
        next_look = 0.0
        while True:
            self._check_stopping()
            if time.monotonic() >= next_look:
                self._family = descendants(process) or self._family
                next_look = time.monotonic() + _FAMILY_INTERVAL_S
            self._check_alive(process)
            self.stopping.wait(_ALIVE_POLL_S)

    def _check_alive(self, process: ProcessIdentity) -> None:
        if self._child is not None and self._child.pid == process.pid:
            status = self._child.poll()
            if status is not None:
                raise _Died(f"killed by signal {-status}" if status < 0 else f"ended with status {status}")
        elif not process.alive():
            raise _Died("ended, with a status only its starter could see")

    def _check_stopping(self) -> None:
        if self.stopping.is_set():
            raise _Stopping

    def _recover(self, reason: str) -> bool:
        """Clear the remains away and wait until it may be tried again; False when the supervisor stops."""
        self._clear_remains()
        now = time.monotonic()
        self._deaths.append(now)
        while self._deaths[0] < now - self.policy.window_s:
            self._deaths.popleft()
        record = self.board.record(self.name)
        if self._late_starts >= self.policy.late_starts or len(self._deaths) >= self.policy.deaths:
            found = f"died {len(self._deaths)} times within {self.policy.window_s:.0f} s"
            if self._late_starts >= self.policy.late_starts:
                found = f"{self._late_starts} starts took too long"
            last = next((line for line in reversed(tail(self.service.log, 5)) if line.strip()), "")
            _log.error("gave up", engine=self.name, reason=reason, last_line=last[:200])
            self.retry.clear()
            self.board.change(
                self.name,
                EngineState.FAILED,
                process=None,
                reason=f"{found}; last: {reason}",
            )
            if not self._wait_for_retry():
                return False
            self._deaths.clear()
            self._late_starts = 0
        else:
            delay_s = self.policy.delay_s(len(self._deaths))
            self.board.change(self.name, EngineState.BACKING_OFF, process=None, reason=reason)
            self.stopping.wait(delay_s)
        if self.stopping.is_set():
            return False
        self.board.change(self.name, EngineState.WAITING, restarts=record.restarts + 1)
        return True

    def _wait_for_retry(self) -> bool:
        while not self.retry.wait(_READY_POLL_S):
            if self.stopping.is_set():
                return False
        return True

    def _clear_remains(self) -> None:
        process = self.board.record(self.name).process
        everything = marked(self.board.folder.directory)
        family = self._family.union(found for found, mark in everything.items() if mark.engine == self.name)
        if process is not None:
            terminate(
                process,
                stop_signal=self.service.stop_signal,
                timeout_s=self.service.stop_timeout_s,
                family=family,
            )
        else:
            kill(family)
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10.0)
            self._child = None
        self._family = frozenset()
