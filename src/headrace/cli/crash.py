"""Where the traceback of a bug goes: a file only its owner reads, without secrets of the command line."""

from __future__ import annotations

import os
import platform
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg

from headrace import __version__
from headrace.hops.source.refusal import without_values
from headrace.spec.secret import redact


def write_crash_report(error: BaseException, arguments: list[str]) -> str:
    """Write the traceback below HEADRACE_HOME, or the temporary folder; returns the file, never raises."""
    text = "\n".join(
        [
            f"headrace {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: headrace {' '.join(arguments[:1])}",
            "",
            *_lines(error),
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


def _lines(error: BaseException) -> Iterator[str]:
    """Frames and first lines: the rest of a server's message may quote a row of the user's."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _lines(earlier)
        yield "which led to:"
        yield ""
    yield "Traceback (most recent call last):"
    yield from (line.rstrip() for line in traceback.format_tb(error.__traceback__))
    yield f"{type(error).__module__}.{type(error).__qualname__}: {_message(error)}"
    yield ""


def _message(error: BaseException) -> str:
    if isinstance(error, psycopg.Error):
        return without_values(error)
    return str(error).partition("\n")[0]
