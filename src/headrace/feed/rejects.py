"""The file of lines that were left out."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from headrace.errors import HeadraceError
from headrace.feed.csv_reader import BadLine


class RejectFile:
    """Collects bad lines and writes them at the end, sorted by line; over the limit it ends the load.

    The file holds rows of the user, so only its owner may read it. It appears whole or not at all.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._bad: list[BadLine] = []

    def __len__(self) -> int:
        return len(self._bad)

    def add(self, bad: BadLine) -> None:
        """Keep one line; HeadraceError `too-many-rejects`, with the file written, beyond the limit."""
        self._bad.append(bad)
        if len(self._bad) > self._limit:
            self.write()
            raise HeadraceError(
                "too-many-rejects",
                f"more than {self._limit} lines cannot be loaded, nothing was loaded",
                cause=f"line {bad.line}: {bad.reason.partition(': ')[0]}",
                hint=f"see {self._path}; correct the file or raise --max-rejects",
            )

    def write(self) -> Path | None:
        """Write the file if there is anything to say; returns where."""
        if not self._bad:
            return None
        aside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(("line", "reason", "content"))
                for bad in sorted(self._bad, key=lambda item: item.line):
                    writer.writerow((bad.line, bad.reason, bad.content))
            aside.replace(self._path)
        except OSError as error:
            raise HeadraceError(
                "reject-file",
                f"the reject file {self._path} cannot be written, nothing was loaded",
                cause=error.strerror,
                hint="give another place with --reject-file",
            ) from error
        return self._path
