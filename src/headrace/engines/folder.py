"""`.headrace/`, the folder beside `headrace.yaml` that holds what runs on this machine for one project."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.account import Account
from headrace.errors import HeadraceError, Where
from headrace.spec.starter import SCHEMA_FILE

_MARKER = "project.json"
#: What `headrace init` writes: they make no project of the folder yet, and outlive a purge.
_OF_INIT = frozenset({".gitignore", Path(SCHEMA_FILE).name})


@dataclass(frozen=True)
class ProjectFolder:
    """Where things are. Makes nothing by itself except through `create`.

    Attributes:
        directory: the project's, absolute and with symbolic links resolved (`ProjectFolder.of`).
    """

    directory: Path

    @classmethod
    def of(cls, directory: Path) -> ProjectFolder:
        return cls(directory.resolve())

    @property
    def root(self) -> Path:
        return self.directory / ".headrace"

    @property
    def run(self) -> Path:
        """Pids, ports, states: worth nothing once nothing runs."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def engines_file(self) -> Path:
        return self.run / "engines.json"

    @property
    def alerts_file(self) -> Path:
        return self.run / "alerts.json"

    @property
    def ports_file(self) -> Path:
        return self.run / "ports.json"

    @property
    def request_file(self) -> Path:
        return self.run / "request.json"

    @property
    def supervisor_lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def lifecycle_lock(self) -> Path:
        return self.run / "lifecycle.lock"

    def log(self, engine: str) -> Path:
        return self.logs / f"{engine}.log"

    def create(self, project: str) -> None:
        """Make the folder and mark it as ours; idempotent.

        Raises:
            HeadraceError: `folder-not-ours` when something else has that name or it holds another project.
        """
        owner = self.owner()
        if self.root.is_symlink():
            raise self._not_ours("it is a symbolic link")
        if self.root.exists() and not self.root.is_dir():
            raise self._not_ours("it is not a folder")
        if owner is None and not self.is_unused():
            raise self._not_ours(f"it holds files but no {_MARKER}")
        if owner is not None and owner != project:
            raise HeadraceError(
                "folder-of-another-project",
                f"{self.root} belongs to the project {owner}, not {project}",
                hint="keep the name, or run `headrace down --purge` with the old one first",
                where=Where(file=str(self.root)),
            )
        # Others may pass through: PostgreSQL runs as an unprivileged account when we are root.
        self.root.mkdir(mode=0o755, exist_ok=True)
        if owner is None:  # first of all: killed in between, the folder is ours
            write_atomically(
                self.root / _MARKER, json.dumps({"version": 1, "owner": "headrace", "project": project})
            )
        for folder in (self.run, self.logs, self.root / "data"):
            folder.mkdir(mode=0o755, exist_ok=True)

    def is_unused(self) -> bool:
        """Whether it is absent, or holds nothing except what `headrace init` or a killed `create` left."""
        if self.root.is_symlink() or (self.root.exists() and not self.root.is_dir()):
            return False
        return not self.root.exists() or all(
            path.name in _OF_INIT or path.name.startswith(f".{_MARKER}.") for path in self.root.iterdir()
        )

    def owner(self) -> str | None:
        """The project this folder was made for, None when it is absent or not ours."""
        if self.root.is_symlink():
            return None
        try:
            document: object = json.loads((self.root / _MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        match document:
            case {"owner": "headrace", "project": str(project)}:
                return project
            case _:
                return None

    def purge(self) -> bool:
        """Remove the folder and all data in it, except what `headrace init` wrote; False when there is none.

        Raises:
            HeadraceError: `folder-not-ours` when headrace did not make it.
        """
        if self.is_unused():
            return False
        self.check_ours()
        for path in self.root.iterdir():
            if path.name == _MARKER or path.name in _OF_INIT:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        # What says that it is ours goes last, so that a purge cut off in the middle can be repeated.
        (self.root / _MARKER).unlink()
        if not any(self.root.iterdir()):
            self.root.rmdir()
        return True

    def check_ours(self) -> None:
        """Raises `folder-not-ours` unless `create` made the folder."""
        if self.owner() is None:
            raise self._not_ours(f"there is no {_MARKER} of headrace in it")

    def _not_ours(self, cause: str) -> HeadraceError:
        return HeadraceError(
            "folder-not-ours",
            f"{self.root} was not made by headrace",
            cause=cause,
            hint="move it away, then run the command again",
            where=Where(file=str(self.root)),
        )


def write_atomically(path: Path, text: str, mode: int = 0o644, owner: Account | None = None) -> None:
    """Readers see the old text or the new, never a part; also after a kill, or a power cut, at any moment.

    Args:
        owner: who is to own the file, ourselves when None.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), owner.uid, owner.gid)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """What a file holds, or which names are in a folder, is on the disk on return."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path, timeout_s: float = 0.0) -> Generator[bool]:
    """Hold the lock file while inside; yields False, without it, when another process keeps it too long.

    The lock goes with its holder, however that one ends; the file stays and holds the pid of the last
    holder. What is started inside does not inherit it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        held = _lock(descriptor, timeout_s)
        if held:
            os.ftruncate(descriptor, 0)
            with contextlib.suppress(OSError):  # a full disk; the pid is only for people
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield held
    finally:
        os.close(descriptor)


def _lock(descriptor: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        else:
            return True
