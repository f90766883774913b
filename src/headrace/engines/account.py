"""The account PostgreSQL runs as when we are root, which it refuses to be."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import HeadraceError

CANDIDATES = ("headrace", "nobody")
"""The first that exists is taken: an account made for it, else the one every system has.

Not `postgres`: somebody's own server runs as that, and neither should be able to read the other's files.
"""


Completed = subprocess.CompletedProcess[str]

BARE_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""What another account's programs get: ours may hold secrets that are none of its business."""


@dataclass(frozen=True)
class Account:
    """An entry of the system's user list."""

    name: str
    uid: int
    gid: int

    def runs(self, program: Path) -> bool:
        """Whether this account can execute a program: tried out, since every folder above it has a say."""
        return self._succeeds([str(program), "--version"])

    def can_enter(self, folder: Path) -> bool:
        """Whether this account can pass through an existing folder and all those above it."""
        return self._succeeds(["test", "-x", str(folder)])

    def own(self, path: Path) -> None:
        """Make the account the owner of one file or folder, of a link itself where it is one."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _succeeds(self, command: list[str]) -> bool:
        try:
            return run_as(self, command, Path("/")).returncode == 0
        except PermissionError:
            return False


def run_as(account: Account | None, command: list[str], folder: Path, stdin: str = "") -> Completed:
    """Run a program to its end as an account and with no right beyond its own; None means as ourselves.

    Its environment is BARE_ENVIRONMENT.
    """
    return subprocess.run(
        command,
        cwd=folder,
        env=BARE_ENVIRONMENT,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def unprivileged() -> Account | None:
    """The account to use, None when we are not root: then it is our own.

    Raises:
        HeadraceError: `no-unprivileged-account`.
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise HeadraceError(
        "no-unprivileged-account",
        "PostgreSQL does not run as root, and there is no account to run it as",
        cause=f"none of {', '.join(CANDIDATES)} exists",
        hint="useradd --system headrace, or run headrace as an ordinary user",
    )
