"""Folders made aside and renamed when they are complete, by one process at a time.

Promise: whoever is killed in between leaves nothing that looks finished.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from headrace.engines.folder import sync
from headrace.engines.installation import engines_folder
from headrace.engines.maven import Progress
from headrace.errors import HeadraceError

_ASIDE = ".partial-"
_MANY_FILES = 1000
"""From here on writing out whole disks is quicker than file after file."""


@contextmanager
def alone(home: Path, progress: Progress) -> Generator[None]:
    """Hold the lock of the home; it goes with the process, however that ends."""
    try:
        engines_folder(home).mkdir(parents=True, exist_ok=True)
        file = (engines_folder(home) / ".lock").open("a")
    except OSError as error:
        raise HeadraceError(
            "home-not-writable",
            f"cannot write to {home}",
            cause=str(error),
            hint="set HEADRACE_HOME to a folder of yours",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another installation to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        for leftover in engines_folder(home).glob(f"{_ASIDE}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


@contextmanager
def aside(home: Path) -> Generator[Path]:
    """A folder that is not yet anything, on the file system of the finished ones."""
    folder = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=engines_folder(home)))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(folder: Path, target: Path) -> None:
    """Rename `folder` to `target`; a damaged predecessor moves aside first and is then removed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) > _MANY_FILES:
        os.sync()
    else:
        for path in files:
            sync(path)
    replaced = folder.with_name(f"{folder.name}-replaced")
    if target.exists():
        target.rename(replaced)
    folder.rename(target)
    sync(target.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def require_space(home: Path, needed_bytes: int) -> None:
    """Raises `disk-full` unless the home, and the user's own folder with its caches, have the room."""
    for place in (engines_folder(home), Path.home()):
        free = shutil.disk_usage(place).free
        if free < needed_bytes:
            raise HeadraceError(
                "disk-full",
                f"the engines need {needed_bytes // 10**6} MB of disk",
                cause=f"{place} has {free // 10**6} MB left",
                hint="free some space, or set HEADRACE_HOME to a folder on another disk",
            )
