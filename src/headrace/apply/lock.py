"""One apply at a time in a project directory.

Promise: the lock goes with its process, however that ends; who holds it can be read by others.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from headrace.errors import HeadraceError, Where

FILE_NAME = "apply.lock"


@contextmanager
def project_lock(directory: Path, purpose: str) -> Generator[None]:
    """Hold the project's lock for the length of a block.

    Args:
        directory: the project's `.headrace`.
        purpose: what it is held for, told to others (`apply`).

    Raises:
        HeadraceError: `apply-running` at once, when somebody else holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE_NAME
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _held(path) from error
        file.truncate(0)
        file.write(json.dumps(_holder(purpose)))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _holder(purpose: str) -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "purpose": purpose,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _held(path: Path) -> HeadraceError:
    try:
        holder = json.loads(path.read_text())
        cause = (
            f"`{holder['purpose']}` of process {holder['pid']} on {holder['host']} since {holder['since']}"
        )
    except (ValueError, KeyError, TypeError):
        cause = "its holder has not said who it is yet"
    return HeadraceError(
        "apply-running",
        "another headrace command is changing this project",
        cause=cause,
        hint="wait until it is done, or stop that process: its work can be resumed",
        where=Where(file=str(path)),
    )
