"""The record of what was done: `.headrace/journal.jsonl`, one JSON object a line, only ever appended.

Promise: a line is on the disk before the action it announces begins. Addresses and actions only: no document,
no secret, no value of a row. It is for people and tests; nothing is decided from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

FILE_NAME = "journal.jsonl"
VERSION = 1


class Journal:
    """Appends the actions of one run."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._run = uuid4().hex[:12]

    def write(self, event: str, **fields: object) -> None:
        """Append one line and wait until it is on the disk."""
        line = {
            "version": VERSION,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run": self._run,
            "event": event,
            **fields,
        }
        data = (json.dumps(line, default=str) + "\n").encode()
        handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size_bytes = os.fstat(handle).st_size
            if size_bytes and os.pread(handle, 1, size_bytes - 1) != b"\n":
                data = b"\n" + data  # a line that was cut by a crash stays alone
            os.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def action(self, stage: str, address: str, action: str) -> Generator[None]:
        """Write a line before and a line after; a failed action says the error's type."""
        self.write("begin", stage=stage, address=address, action=action)
        try:
            yield
        except BaseException as error:
            self.write("failed", stage=stage, address=address, action=action, error=type(error).__name__)
            raise
        self.write("done", stage=stage, address=address, action=action)
