"""Whose publications and slots on a shared PostgreSQL are: an id of this project folder.

Names hold the project's name only, and two folders may call their projects the same.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from headrace.engines.folder import sync, write_atomically

FILE_NAME = "folder-id"


def folder_id(folder: Path) -> str:
    """A random id, made at the first call and the same ever after, also where two first calls meet.

    Args:
        folder: the project's `.headrace`.
    """
    path = folder / FILE_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        drawn = uuid.uuid4().hex
        mine = folder / f"{FILE_NAME}.{drawn}"
        write_atomically(mine, drawn, mode=0o600)
        try:
            path.hardlink_to(mine)
        except FileExistsError:
            pass  # another command was faster: its id is the folder's
        finally:
            mine.unlink()
        sync(folder)
    return path.read_text()
