"""The key of the keyed hash that hides columns."""

from __future__ import annotations

from pathlib import Path

from headrace.engines import secret_files
from headrace.engines.folder import ProjectFolder

FILE_NAME = secret_files.MASK_KEY


class MaskKey:
    """A random key, made once and kept: with another one equal values would no longer be equal.

    Args:
        folder: the project's `.headrace`.
    """

    def __init__(self, folder: Path) -> None:
        self._project = ProjectFolder(folder.parent)
        self.path = folder / "secrets" / FILE_NAME

    def ensure(self) -> None:
        """Make the file unless it is there: a Java properties file of mode 600, `mask_key=...`."""
        secret_files.mask_key(self._project)
