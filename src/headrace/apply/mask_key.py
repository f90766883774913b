"""The key of the keyed hash that hides columns."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE_NAME = "mask.properties"


class MaskKey:
    """A random key, made once and kept: with another one equal values would no longer be equal.

    Args:
        folder: the project's `.headrace`.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "secrets" / FILE_NAME

    def ensure(self) -> None:
        """Make the file unless it is there: a Java properties file of mode 600, `mask_key=...`."""
        if self.path.exists():
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self.path.with_name(f".{FILE_NAME}.new")
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"mask_key={secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)
