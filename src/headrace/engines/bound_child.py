"""Children that do not outlive us, however we end: also after a SIGKILL nobody can react to."""

from __future__ import annotations

import shutil


def bound(command: list[str]) -> list[str]:
    """The command, to be killed by the kernel when the thread that starts it is gone.

    Where there is no `setpriv` (it is part of every Debian, and of no macOS) the command as it is.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else command
