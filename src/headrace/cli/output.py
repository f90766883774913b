"""What a command prints: the answer on stdout, everything else on stderr.

Promise: with `--json`, stdout holds exactly one JSON document with `"version": 1`, also when the command
fails; of a command that may go on for ever, one such document a line. Without it, tables fit 80 columns on a
file or a pipe, and colour is used only on a terminal that wants it (`NO_COLOR`, `TERM=dumb`). Control
characters in what is shown are made visible, never sent on.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from headrace.errors import HeadraceError, HeadraceErrors, Where
from headrace.lsn import lsn_text

JSON_VERSION = 1
PIPE_WIDTH = 80

_json_wanted = False
_json_indent: int | None = 2


def want_json(wanted: bool) -> bool:
    """Callback of `--json`: from here on, stdout belongs to one JSON document."""
    global _json_wanted, _json_indent
    _json_wanted, _json_indent = wanted, 2
    return wanted


def json_lines() -> None:
    """From here on every JSON document is one line, that of an error too."""
    global _json_indent
    _json_indent = None


def json_wanted() -> bool:
    """Whether `--json` was given."""
    return _json_wanted


def answer(text: str) -> None:
    """Print a line, or several, of the answer on stdout."""
    _write(sys.stdout, text)


def answer_json(document: Mapping[str, object]) -> None:
    """Print the answer of `--json`; `version` is added. Values json does not know become their text."""
    _write(
        sys.stdout,
        json.dumps(
            {"version": JSON_VERSION, **document}, indent=_json_indent, default=str, ensure_ascii=False
        ),
    )


def note(text: str) -> None:
    """Print a line of progress or advice on stderr."""
    _write(sys.stderr, text)


def warn(text: str, hint: str | None = None) -> None:
    """Print a warning, and its remedy, on stderr."""
    _write(sys.stderr, f"{_paint('warning:', '33')} {visible(text)}")
    if hint:
        _write(sys.stderr, f"  hint: {visible(hint)}")


def report(error: HeadraceError) -> None:
    """Print a known failure: as JSON on stdout with `--json`, else for people on stderr."""
    errors = error.errors if isinstance(error, HeadraceErrors) else (error,)
    if _json_wanted:
        answer_json({"ok": False, "errors": [one.as_dict() for one in errors]})
        return
    for one in errors:
        place = f"{Where(one.where.file, one.where.line)}: " if one.where and one.where.file else ""
        _write(sys.stderr, f"{_paint('error:', '31')} {visible(place + one.summary)} [{one.code}]")
        if one.where and one.where.address and not one.where.file:
            _write(sys.stderr, f"  where: {visible(one.where.address)}")
        if one.cause:
            _write(sys.stderr, _indented("cause", one.cause))
        if one.hint:
            _write(sys.stderr, _indented("hint", one.hint))
    if len(errors) > 1:
        _write(sys.stderr, f"{len(errors)} errors")


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under headers, numbers to the right; cells are cut with `…` so that no line passes the width."""
    cells = [[_cell(value) for value in row] for row in rows]
    natural = [max(len(line[i]) for line in [list(headers), *cells]) for i in range(len(headers))]
    widths = _fit(natural, [len(header) for header in headers], width() - 2 * (len(headers) - 1))
    right = [
        bool(rows) and all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        for i in range(len(headers))
    ]
    lines: list[str] = []
    for line in [list(headers), *cells]:
        padded = [
            _cut(cell, size).rjust(size) if to_right else _cut(cell, size).ljust(size)
            for cell, size, to_right in zip(line, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def moment(time_ms: int | None) -> str:
    """A moment in UTC, without the day when it is today; nothing for one that is not known."""
    if time_ms is None or time_ms <= 0:
        return ""
    found = datetime.fromtimestamp(time_ms / 1000, UTC)
    today = datetime.now(UTC).date() == found.date()
    return found.strftime("%H:%M:%S.%f" if today else "%Y-%m-%d %H:%M:%S.%f")[:-3]


def lsn(position: int | None) -> str | None:
    """A position of the WAL as PostgreSQL prints it."""
    return None if position is None or position < 0 else lsn_text(position)


def width() -> int:
    """Columns to fill: the terminal's, or 80 where stdout is none."""
    return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns if _is_terminal(sys.stdout) else PIPE_WIDTH


def colour() -> bool:
    """Whether stderr is a terminal that wants colour."""
    return _is_terminal(sys.stderr) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def visible(text: str) -> str:
    """The text with control characters written out (`\\x1b`), newlines kept."""
    return "".join(
        character if character == "\n" or character.isprintable() else ascii(character)[1:-1]
        for character in text
    )


@dataclass
class Progress:
    """What a long step shows while it runs; `step` may be called as often as one likes.

    On a terminal the line is rewritten in place; elsewhere a line appears when the step changes, and every
    five seconds while it is the same.
    """

    title: str
    _began: float
    _shown: str = ""
    _shown_at: float = 0.0

    def step(
        self, text: str, done: float | None = None, total: float | None = None, detail: str = ""
    ) -> None:
        """Say what is being done or waited for; with `total`, how far it has got.

        Args:
            detail: shown behind it; another one is no other step.
        """
        share = f" {100 * done / total:.0f}%" if done is not None and total else ""
        self._show(f"{self.title}: {text}", f"{share}{detail}")

    def finish(self, text: str) -> None:
        """Say how it ended, with the seconds it took."""
        self._show(f"{self.title}: {text}", f" ({time.monotonic() - self._began:.1f} s)", important=True)
        if _is_terminal(sys.stderr):
            _write(sys.stderr, "")

    def _show(self, step: str, rest: str, *, important: bool = False) -> None:
        now, line = time.monotonic(), step + rest
        if _is_terminal(sys.stderr):
            if important or now - self._shown_at >= 0.05:
                columns = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
                sys.stderr.write(f"\r\x1b[K{_cut(visible(line), columns - 1)}")
                sys.stderr.flush()
                self._shown_at = now
            return
        if important or step != self._shown or now - self._shown_at >= 5:
            _write(sys.stderr, visible(line))
            self._shown, self._shown_at = step, now


@contextmanager
def progress(title: str) -> Generator[Progress]:
    """A progress line on stderr for the length of the block; the line is closed if the block fails."""
    line = Progress(title, time.monotonic())
    try:
        yield line
    except BaseException:
        if _is_terminal(sys.stderr):
            _write(sys.stderr, "")
        raise


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def _indented(label: str, text: str) -> str:
    first, *others = visible(text).splitlines() or [""]
    pad = " " * (len(label) + 4)
    return "\n".join([f"  {label}: {first}", *(pad + other for other in others)])


def _paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour() else text


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return visible(str(value)).replace("\n", "\\n")


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: max(size - 1, 0)] + "…"


def _fit(natural: list[int], least: list[int], room: int) -> list[int]:
    widths = list(natural)
    while sum(widths) > room:
        spare = [size - max(low, 3) for size, low in zip(widths, least, strict=True)]
        widest = max(range(len(widths)), key=lambda i: (spare[i] > 0, widths[i]))
        if spare[widest] <= 0:
            break
        widths[widest] -= 1
    return widths
