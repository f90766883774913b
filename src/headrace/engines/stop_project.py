"""`down`, as far as engines go: everything that was started for a directory is gone afterwards, in order."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from signal import SIGTERM

from headrace.engines.adoption import live_engines
from headrace.engines.folder import ProjectFolder, exclusive
from headrace.engines.lifecycle import EnginesSeen, Note, Progress, alone, find_supervisor, silent
from headrace.engines.process import ProcessIdentity, kill, marked
from headrace.engines.record import (
    EngineRecord,
    EnginesFile,
    EngineState,
    read_engines,
    stop_order,
    write_engines,
)
from headrace.engines.stopping import clear_remains, stop_engines
from headrace.errors import HeadraceError, Where

_POLL_S = 0.1
_SUPERVISOR_MARGIN_S = 60.0


@dataclass(frozen=True)
class Stopped:
    """What `down` did: engines that were running and do not any more, and whether the data were removed."""

    engines: tuple[str, ...] = ()
    purged: bool = False


def stop(
    folder: ProjectFolder,
    *,
    purge: bool = False,
    also_purge: Callable[[ProjectFolder], None] | None = None,
    progress: Progress = silent,
) -> Stopped:
    """Stop all engines of this directory in reverse order and make sure that nothing of ours is left.

    Idempotent; needs no supervisor, no declaration and no installation. Signals only what carries our mark
    or was recorded with its start time.

    Args:
        purge: remove `.headrace/` and all data in it too, if headrace made it, but not the files of `init`.
        also_purge: removes data of the project that lie elsewhere; called before.

    Raises:
        HeadraceError: `not-stopped`, `folder-not-ours`, `project-busy`.
    """
    unused = folder.is_unused()
    if unused and not marked(folder.directory):
        return Stopped()
    if not unused:
        folder.check_ours()
    with alone(folder):
        running = tuple(sorted(live_engines(folder)))
        survivors = stop_project(folder, progress)
        if survivors:
            raise HeadraceError(
                "not-stopped",
                f"pids {', '.join(str(survivor.pid) for survivor in survivors)} could not be stopped",
                cause="they outlived SIGKILL for 10 s, or belong to another user",
                hint="run `headrace down` again, as the user who ran `headrace up`",
                where=Where(file=str(folder.directory)),
            )
        if unused:  # it was removed while they ran
            shutil.rmtree(folder.run)  # made just now, to be the only one at work
            with contextlib.suppress(OSError):
                folder.root.rmdir()
            return Stopped(running, purge)
        if not purge:
            return Stopped(running)
        if also_purge is not None:
            also_purge(folder)
        return Stopped(running, folder.purge())


def stop_project(folder: ProjectFolder, progress: Progress) -> tuple[ProcessIdentity, ...]:
    """Stop the supervisor, which stops its engines, then whatever it did not; what survived all that."""
    supervisor = find_supervisor(folder)
    if supervisor is not None:
        _stop_supervisor(folder, supervisor, progress)
    with exclusive(folder.supervisor_lock, timeout_s=10.0):
        records = _records(folder)
        final: dict[str, EngineState] = {}
        survivors = stop_engines(records, final.__setitem__)
        survivors += clear_remains(folder)
        now = datetime.now(UTC)
        stopped = tuple(
            dataclasses.replace(record, state=state, process=None, since=now)
            if (state := final.get(record.name, record.state)) is not record.state
            else record
            for record in records
        )
        with contextlib.suppress(OSError):  # a full disk: that they have ended is seen without the file, too
            write_engines(folder, EnginesFile(engines=stopped))
        folder.alerts_file.unlink(missing_ok=True)
        progress(EnginesSeen(stopped))
    return tuple(survivor for survivor in survivors if survivor.alive())


def _stop_supervisor(folder: ProjectFolder, supervisor: ProcessIdentity, progress: Progress) -> None:
    patience_s = _SUPERVISOR_MARGIN_S + sum(
        max(record.stop_timeout_s for record in stage) for stage in stop_order(read_engines(folder).engines)
    )
    deadline = time.monotonic() + patience_s
    supervisor.send(SIGTERM)
    while supervisor.alive():
        if time.monotonic() > deadline:
            progress(Note(f"the supervisor did not stop within {patience_s:.0f} s and is killed"))
            kill([supervisor])
            return
        progress(EnginesSeen(read_engines(folder).engines))
        time.sleep(_POLL_S)


def _records(folder: ProjectFolder) -> Sequence[EngineRecord]:
    """What is on record, and engines that are alive without having been written down."""
    recorded = read_engines(folder).engines
    alive = live_engines(folder)
    now = datetime.now(UTC)
    unknown = [
        EngineRecord(name, EngineState.STARTING, now, process, log=folder.log(name))
        for name, process in alive.items()
        if name not in {record.name for record in recorded}
    ]
    known = [dataclasses.replace(record, process=alive.get(record.name)) for record in recorded]
    return [*known, *unknown]
