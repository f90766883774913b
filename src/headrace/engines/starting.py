"""`up`, as far as engines go: one supervisor, every engine ready, or a clear word on which is not and why."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from signal import SIGHUP, SIGKILL

from headrace.engines import ports
from headrace.engines.adoption import live_engines
from headrace.engines.folder import ProjectFolder
from headrace.engines.lifecycle import EnginesSeen, Note, Progress, alone, find_supervisor, silent
from headrace.engines.logfile import open_for_append, tail
from headrace.engines.process import MARK_VARIABLE, Mark, wait_gone
from headrace.engines.record import EngineRecord, EnginesFile, EngineState, read_engines
from headrace.engines.request import EngineRequest, read_request, write_request
from headrace.engines.self_watch import FULL_DISK_BYTES
from headrace.engines.stop_project import stop_project
from headrace.engines.stopping import SUPERVISOR
from headrace.errors import HeadraceError, Where

LOG_LINES = 15
_POLL_S = 0.1
_SUPERVISOR_PATIENCE_S = 15.0

_HINTS = (
    ("Address already in use", "something else listens on its port; run `headrace up` again for another one"),
    ("is taken by", "stop that process; after `headrace down`, `headrace up` picks another port"),
    ("No space left on device", "free some space on the disk of the project directory"),
    ("insufficient memory", "free some memory, or lower `engines.heap` in headrace.yaml"),
    ("OutOfMemoryError", "raise the heap of this engine under `engines.heap` in headrace.yaml"),
    ("UnsupportedClassVersionError", "the JDK is too old: install JDK 17 or newer"),
)


def start(
    request: EngineRequest,
    port_names: Collection[str],
    *,
    fixed_ports: Mapping[str, int] | None = None,
    progress: Progress = silent,
) -> EngineRequest:
    """Bring every engine to ready and return what runs, with its ports.

    Idempotent: with all engines ready it changes nothing; it goes on from whatever an earlier attempt, a
    killed supervisor or a failed engine left; optional engines that do not run yet are started beside those
    that run. If it fails or is interrupted before it is done, what it
    started is stopped again; engines that were running before are left running.

    Args:
        request: `ports` is filled in here, `optional` with what runs already.
        port_names: every port the services need.
        fixed_ports: those the declaration asks for.

    Raises:
        HeadraceError: `engine-failed` with condition, last log lines and hint; `port-taken`; `disk-full`;
            `project-busy`; `supervisor-died`; whatever the definitions find missing.
    """
    folder = ProjectFolder.of(request.directory)
    if folder.root == request.home.resolve():
        raise HeadraceError(
            "project-in-home",
            f"{folder.root} is HEADRACE_HOME, so it cannot hold a project too",
            hint="move headrace.yaml into a folder of its own",
            where=Where(file=str(folder.directory)),
        )
    folder.create(request.project)
    with alone(folder):
        if find_supervisor(folder) is not None:
            _check_request(folder)
            try:
                return _attach(folder, request, progress)
            except _SupervisorLeft:
                _let_it_leave(folder, progress)
            except _MoreWanted as more:
                progress(Note(f"starting besides: {', '.join(more.engines)}"))
                both = {*more.running.optional, *request.optional}
                request = dataclasses.replace(request, optional=tuple(sorted(both)))
                port_names = tuple(dict.fromkeys([*more.running.ports, *port_names]))
        return _launch(folder, request, port_names, fixed_ports or {}, progress)


def watch_only(folder: ProjectFolder, request: EngineRequest) -> None:
    """Have a supervisor that starts nothing, for engines that somebody else keeps running; idempotent.

    Raises:
        HeadraceError: `supervisor-died`.
    """
    write_request(folder, request)
    if find_supervisor(folder) is None:
        _spawn_supervisor(folder)


def failure(folder: ProjectFolder, record: EngineRecord) -> HeadraceError:
    """The error of an engine that does not run: what was waited for, its last words, the remedy."""
    lines = tail(record.log, LOG_LINES)
    reason = record.reason or str(record.state)
    cause = "\n".join([reason, f"last lines of {record.log.name}:", *(f"  {line}" for line in lines)])
    text = "\n".join([reason, *lines])
    hint = next((hint for sign, hint in _HINTS if sign in text), "see the whole log")
    return HeadraceError(
        "engine-failed",
        f"{record.name} does not run",
        cause=cause if lines else reason,
        hint=f"{hint} (`headrace logs {record.name}`)",
        where=Where(address=f"engine:{record.name}"),
    )


class _SupervisorLeft(Exception):
    """The supervisor that was there stops, after a `down` that was interrupted, or was killed."""


class _MoreWanted(Exception):
    """The supervisor that is there does not know of optional engines that are asked for."""

    def __init__(self, running: EngineRequest, engines: Sequence[str]) -> None:
        super().__init__()
        self.running = running
        self.engines = engines


def _replace_supervisor(folder: ProjectFolder) -> None:
    """End the supervisor alone: its engines go on, and the next one takes them over."""
    supervisor = find_supervisor(folder)
    if supervisor is not None:
        # Not `kill`, which takes everything below with it.
        supervisor.send(SIGKILL)
        wait_gone([supervisor], _SUPERVISOR_PATIENCE_S)


def _let_it_leave(folder: ProjectFolder, progress: Progress) -> None:
    """Wait for a supervisor that stops its engines; leave the engines of one that was killed alone."""
    if read_engines(folder).stopping:
        progress(Note("waiting for the engines to stop first"))
        stop_project(folder, progress)


def _attach(folder: ProjectFolder, request: EngineRequest, progress: Progress) -> EngineRequest:
    """A supervisor is there: let it try again what failed, and wait for it."""
    running = read_request(folder)
    more = sorted(set(request.optional) - set(running.optional))
    if more and not read_engines(folder).stopping:
        raise _MoreWanted(running, more)
    request = dataclasses.replace(request, optional=running.optional)
    if dataclasses.replace(running, ports={}) != dataclasses.replace(request, ports={}):
        progress(Note("engines keep the settings they run with; `headrace down` and `up` apply the new ones"))
    failed = {
        record.name: record.since
        for record in read_engines(folder).engines
        if record.state is EngineState.FAILED
    }
    if failed and (supervisor := find_supervisor(folder)):
        progress(Note(f"trying again: {', '.join(failed)}"))
        supervisor.send(SIGHUP)
    while True:
        seen = read_engines(folder)
        if seen.stopping or find_supervisor(folder) is None:
            raise _SupervisorLeft
        progress(EnginesSeen(seen.engines))
        if seen.supervised() and _all_ready(folder, seen, failed):
            return running
        time.sleep(_POLL_S)


def _launch(
    folder: ProjectFolder,
    request: EngineRequest,
    port_names: Collection[str],
    fixed_ports: Mapping[str, int],
    progress: Progress,
) -> EngineRequest:
    _check_disk(folder)
    alive = live_engines(folder)
    if alive:
        progress(Note(f"taking over what still runs: {', '.join(sorted(alive))}"))
    allocation = ports.allocate(
        folder, port_names, request.home, in_use=_ports_in_use(folder, alive), fixed=fixed_ports
    )
    for moved in allocation.moved:
        progress(Note(str(moved)))
    request = dataclasses.replace(request, ports=dict(allocation.ports))
    # Here, in front of the user, rather than in a process without a terminal.
    services = request.build_services()
    heap_mb = sum(service.heap_mb for service in services)
    if heap_mb:
        progress(Note(f"JVM heaps: {heap_mb} MB in all"))
    began = datetime.now(UTC)
    try:
        _replace_supervisor(folder)
        # Behind it: without a supervisor the next `up` begins here again, whatever has been written.
        write_request(folder, request)
        _spawn_supervisor(folder)
        _wait(folder, progress, began)
    except BaseException:
        if not alive:
            progress(Note("stopping what was started"))
            stop_project(folder, progress)
        raise
    return request


def _check_request(folder: ProjectFolder) -> None:
    if not folder.request_file.exists():
        raise HeadraceError(
            "folder-removed",
            f"{folder.root} was removed while engines of this project run",
            hint="`headrace down` stops them; what they had stored is lost, and `headrace up` begins anew",
            where=Where(file=str(folder.directory)),
        )


def _ports_in_use(folder: ProjectFolder, alive: Collection[str]) -> set[int]:
    records = {record.name: record for record in read_engines(folder).engines}
    if any(name not in records for name in alive):
        return set(ports.read_ports(folder).values())
    return {port for name in alive for port in records[name].ports.values()}


def _check_disk(folder: ProjectFolder) -> None:
    free_bytes = shutil.disk_usage(folder.root).free
    if free_bytes < FULL_DISK_BYTES:
        raise HeadraceError(
            "disk-full",
            f"only {free_bytes // 1024**2} MB are free on the disk of {folder.directory}",
            cause=f"the engines need {FULL_DISK_BYTES // 1024**2} MB to start",
            hint="free some space",
        )


def _spawn_supervisor(folder: ProjectFolder) -> None:
    """Return once there is one; it is nobody's child and has no terminal."""
    descriptor = open_for_append(folder.log(SUPERVISOR))
    try:
        # -P: a file of the user's that is called like a module of ours or of Python's must not be imported.
        outcome = subprocess.run(
            [sys.executable, "-P", "-m", "headrace.engines.supervisor", str(folder.directory)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            cwd=folder.directory,
            env={**os.environ, MARK_VARIABLE: str(Mark(SUPERVISOR, folder.directory))},
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(descriptor)
    if outcome.returncode:
        raise _supervisor_died(folder, f"it ended with status {outcome.returncode}")


def _wait(folder: ProjectFolder, progress: Progress, began: datetime) -> None:
    """Until all engines are ready. Bounded: every start has a time limit, and starts are counted."""
    unsupervised_since = time.monotonic()
    while True:
        seen = read_engines(folder)
        _check_error(seen, began)
        if seen.supervised():
            unsupervised_since = time.monotonic()
            progress(EnginesSeen(seen.engines))
            if _all_ready(folder, seen, {}):
                return
        elif time.monotonic() - unsupervised_since > _SUPERVISOR_PATIENCE_S:
            raise _supervisor_died(folder, "it did not begin its work")
        elif seen.supervisor_since is not None and seen.supervisor_since >= began:
            raise _supervisor_died(folder, "it was there and is not any more")
        time.sleep(_POLL_S)


def _all_ready(folder: ProjectFolder, seen: EnginesFile, failed_before: Mapping[str, datetime]) -> bool:
    for record in seen.engines:
        if record.state is EngineState.FAILED and record.since != failed_before.get(record.name):
            raise failure(folder, record)
    return all(record.state is EngineState.READY and record.runs() for record in seen.engines)


def _check_error(seen: EnginesFile, began: datetime) -> None:
    if seen.error is not None and seen.supervisor_since is not None and seen.supervisor_since >= began:
        error = seen.error
        raise HeadraceError(error.code, error.summary, cause=error.cause, hint=error.hint)


def _supervisor_died(folder: ProjectFolder, cause: str) -> HeadraceError:
    lines: Sequence[str] = tail(folder.log(SUPERVISOR), LOG_LINES)
    return HeadraceError(
        "supervisor-died",
        "the supervisor of the engines does not run",
        cause="\n".join([cause, *(f"  {line}" for line in lines)]),
        hint="run `headrace up` again (`headrace logs supervisor`)",
    )
