"""Where the traceback of a bug goes: a file only its owner reads, without secrets of the command line."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import traceback
from pathlib import Path

from headrace import __version__
from headrace.spec.secret import redact


def write_crash_report(error: BaseException, arguments: list[str]) -> str:
    """Write the traceback below HEADRACE_HOME, or the temporary folder; returns the file, never raises."""
    text = "\n".join(
        [
            f"headrace {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: headrace {' '.join(arguments[:1])}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    name = f"crash-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    home = Path(os.environ.get("HEADRACE_HOME") or Path("~/.headrace").expanduser())
    for folder in (home / "crashes", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(redact(text))
        return str(folder / name)
    return "nowhere: no folder could be written"
