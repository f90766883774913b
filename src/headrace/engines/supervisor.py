"""The process that keeps the engines of one project directory running after the terminal has gone.

    python -m headrace.engines.supervisor DIRECTORY

Promise: one per directory (a lock says so). SIGTERM stops all engines in reverse order and ends it. Killed
with -9 it takes no engine with it, and the next one takes over those still alive. SIGHUP tries engines again
that had failed. It talks to nobody: `run/engines.json` and `run/alerts.json` are what it has to say.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

from headrace.engines import self_watch
from headrace.engines.adoption import adopt, unwanted
from headrace.engines.board import Board
from headrace.engines.folder import ProjectFolder, exclusive
from headrace.engines.keeper import Keeper
from headrace.engines.logfile import rotate_if_large
from headrace.engines.process import ProcessIdentity, descendants, kill
from headrace.engines.record import EngineState, SupervisorError, read_engines
from headrace.engines.request import EngineRequest, read_request
from headrace.engines.service import Service
from headrace.engines.stopping import SUPERVISOR, clear_remains, stop_engines
from headrace.engines.watch_loop import WatchLoop
from headrace.errors import HeadraceError

EXIT_ALREADY_SUPERVISED = 3
_TICK_S = 1.0
_ROTATION_TICKS = 10

_log = structlog.stdlib.get_logger("supervisor")


@dataclass
class Supervisor:
    """All keepers and watchers of one directory; `run` is its whole life."""

    folder: ProjectFolder
    request: EngineRequest
    services: tuple[Service, ...]
    board: Board
    stopping: threading.Event = field(default_factory=threading.Event)
    retrying: threading.Event = field(default_factory=threading.Event)
    _keepers: list[tuple[Keeper, threading.Thread]] = field(
        default_factory=list[tuple[Keeper, threading.Thread]]
    )

    def run(self) -> None:
        """Adopt or start everything, keep it running until `stopping`, then stop it in order."""
        leaving = unwanted(self.folder, self.services)
        records = adopt(self.folder, self.services)
        self.board.begin(records)  # from here on it is seen that there is a supervisor
        for engine in leaving:
            engine.stop()
        for service, record in zip(self.services, records, strict=True):
            keeper = Keeper(service, self.board, self.request.restart, self.stopping, record.process)
            thread = threading.Thread(target=keeper.run, name=service.name, daemon=True)
            self._keepers.append((keeper, thread))
            thread.start()
        watch = WatchLoop(self.folder, self.stopping)
        watch.take_over()
        watching = False
        ticks = 0
        while not self.stopping.wait(_TICK_S):
            ticks += 1
            if not watching and self.board.settled():
                # Before that there is nothing to look at, and `up` itself says what is wrong.
                self._start_watching(watch)
                watching = True
            self._tick(ticks, watch)
        self._stop(watch)

    def on_stop(self, _number: int, _frame: FrameType | None) -> None:
        """Signal handler: only leaves word, as a handler should."""
        self.stopping.set()

    def on_retry(self, _number: int, _frame: FrameType | None) -> None:
        self.retrying.set()

    def _tick(self, ticks: int, watch: WatchLoop) -> None:
        self.board.flush()
        watch.look_for_overdue()
        if self.retrying.is_set():
            self.retrying.clear()
            for keeper, _ in self._keepers:
                keeper.retry.set()
        if ticks % _ROTATION_TICKS == 0:
            for log in [*(service.log for service in self.services), self.folder.log(SUPERVISOR)]:
                try:
                    rotate_if_large(log)
                except OSError as error:
                    _log.error("log not rotated", log=log.name, cause=error.strerror)

    def _start_watching(self, watch: WatchLoop) -> None:
        watch.start(
            [
                self_watch.EngineStateWatcher(self.services, self.board),
                self_watch.DiskWatcher(self.folder.root),
            ]
        )
        for name in self.request.watchers:
            watch.start_from(name, lambda name=name: self.request.build_watchers(name))

    def _stop(self, watch: WatchLoop) -> None:
        """Keepers let go first, so that nobody starts again what is being stopped."""
        _log.info("stopping")
        self.board.stop()
        for _, thread in self._keepers:
            thread.join(5.0)
        if any(thread.is_alive() for _, thread in self._keepers):
            # Something a definition runs while it prepares the engine: it is not an engine, so it may go.
            kill(descendants(ProcessIdentity.own()) - self._engine_processes())
            for _, thread in self._keepers:
                thread.join(30.0)
        survivors = stop_engines(self.board.records(), self._stopped)
        survivors += clear_remains(self.folder)
        watch.clear()
        self.board.close()
        _log.info("stopped", survivors=[survivor.pid for survivor in survivors])

    def _engine_processes(self) -> frozenset[ProcessIdentity]:
        """The engines with all below them."""
        leaders = {record.process for record in self.board.records() if record.process is not None}
        return frozenset(leaders).union(*(descendants(leader) for leader in leaders))

    def _stopped(self, name: str, state: EngineState) -> None:
        process = {"process": None} if state is EngineState.STOPPED else {}
        self.board.change(name, state, reason=None, **process)


def supervise(folder: ProjectFolder) -> int:
    """Be the supervisor; the lock is held. Returns the exit code."""
    board = Board(folder, ProcessIdentity.own())
    # Until it is known what is wanted, what an earlier supervisor knew stays on record.
    board.inherit(read_engines(folder).engines)
    try:
        request = read_request(folder)
        services = request.build_services()
    except HeadraceError as error:
        board.fail(SupervisorError(error.code, error.summary, error.cause, error.hint))
        _log.error("cannot begin", code=error.code, summary=error.summary, cause=error.cause)
        return 1
    except Exception as error:
        board.fail(SupervisorError("supervisor-failed", f"the engines' definitions fail: {error!r}"))
        traceback.print_exc()
        return 2
    supervisor = Supervisor(folder, request, services, board)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.on_stop)
    signal.signal(signal.SIGHUP, supervisor.on_retry)
    _log.info("started", pid=os.getpid(), directory=str(folder.directory))
    supervisor.run()
    return 0


class QuietLogger(structlog.PrintLogger):
    """Says nothing where nothing can be said: a full disk must not end who is to start the engines again."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _configure_log() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(
                key_order=["timestamp", "level", "event"], drop_missing=True
            ),
        ],
        logger_factory=lambda *_: QuietLogger(sys.stderr),
    )


def main(arguments: list[str]) -> int:
    """Take the lock, leave the caller behind, supervise.

    Exit codes of the part the caller waits for: 0 a supervisor has begun, 3 there is one already. With
    `--foreground` it stays the caller's child, as an init system wants it.
    """
    folder = ProjectFolder.of(Path(arguments[0]))
    _configure_log()
    with exclusive(folder.supervisor_lock) as held:
        if not held:
            _log.error("another supervisor runs in this directory", directory=str(folder.directory))
            return EXIT_ALREADY_SUPERVISED
        if "--foreground" in arguments[1:]:
            return supervise(folder)
        # The child has the lock too: it is held as long as one of the two has the file open. Nothing has
        # started a thread yet, and the child is nobody's to wait for once this process has ended.
        if os.fork():
            os._exit(0)
        os.setsid()
        return supervise(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
