"""The log of one engine: appended to by a process we do not control, bounded all the same, read from the end.

The engine holds the file open, so renaming would not stop it from growing. It is copied and cut to nothing
instead; as it was opened for appending, the next line lands at the beginning. What is written between the end
of the copy and the cut (microseconds) is lost, which is the price of an engine that needs no supervisor to
keep writing.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

BOUND_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 64 * 1024
_FOLLOW_POLL_S = 0.2


def open_for_append(path: Path) -> int:
    """A descriptor to hand to a process; only our own account may read the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def rotate_if_large(path: Path, bound_bytes: int = BOUND_BYTES) -> bool:
    """Move the content to `<log>.1`, replacing what was there, once it exceeds the bound; whether it did."""
    if not path.exists() or path.stat().st_size <= bound_bytes:
        return False
    previous = previous_log(path)
    with path.open("rb+") as source, os.fdopen(_private(previous), "wb") as target:
        shutil.copyfileobj(source, target)
        source.truncate(0)
    return True


def previous_log(path: Path) -> Path:
    """Where the lines before the last rotation are."""
    return path.with_name(path.name + ".1")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines, oldest first; reaches back over one rotation. Empty when there is no log."""
    found = _tail_of_file(path, lines)
    if len(found) < lines:
        found = _tail_of_file(previous_log(path), lines - len(found)) + found
    return found


def follow(path: Path, ended: Callable[[], bool]) -> Iterator[str]:
    """Lines as they are appended, from the moment of this call, through rotations, until `ended()`."""
    return _follow(path, path.stat().st_size if path.exists() else 0, ended)


def _follow(path: Path, position: int, ended: Callable[[], bool]) -> Iterator[str]:
    rest = b""
    while True:
        last_look = ended()
        if path.exists():
            size_bytes = path.stat().st_size
            if size_bytes < position:
                position, rest = 0, b""
            with path.open("rb") as log:
                log.seek(position)
                block = log.read(max(size_bytes - position, 0))
            position += len(block)
            *complete, rest = (rest + block).split(b"\n")
            for line in complete:
                yield line.decode("utf-8", errors="replace")
        if last_look:
            return
        time.sleep(_FOLLOW_POLL_S)


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def _tail_of_file(path: Path, lines: int) -> list[str]:
    if lines <= 0 or not path.exists():
        return []
    with path.open("rb") as log:
        position = log.seek(0, os.SEEK_END)
        content = b""
        while position > 0 and content.count(b"\n") <= lines:
            start = max(position - _BLOCK_BYTES, 0)
            log.seek(start)
            content = log.read(position - start) + content
            position = start
    return content.decode("utf-8", errors="replace").splitlines()[-lines:]
