"""docs/reference/cli.md: what `--help` says of every command, as it is printed."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any

import typer

from headrace.cli.commands import available
from headrace.cli.main import main

_INTRO = """\
# Commands

stdout is the answer, stderr the progress. `--json` prints one JSON document with `"version": 1`, also for
errors. Every option has an environment variable, except those that destroy data (`--purge`,
`--leave-source`). Exit codes: [exit-codes.md](exit-codes.md).
"""


def commands_page() -> str:
    sections = [_INTRO, _section(())]
    for name, entry in available().items():
        sections.append(_section((name,)))
        command: Any = typer.main.get_command(entry.load())
        sections.extend(_section((name, inner)) for inner in getattr(command, "commands", {}))
    return "\n".join(sections)


def _section(path: tuple[str, ...]) -> str:
    heading = "#" * (2 + max(len(path) - 1, 0))
    return f"{heading} {' '.join(('headrace', *path))}\n\n```text\n{_help(path)}\n```\n"


def _help(path: tuple[str, ...]) -> str:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            main([*path, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())
