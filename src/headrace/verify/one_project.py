"""How long a project takes from nothing to its first row, and what a table of some size then costs.

Promise: every time is that of whole commands as their user runs them, from the start of the process to its
end. What a command says is looked at: one that fails, a first row that is not there, a plan that is not empty
and a table that is not equal fail the measurement.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from headrace.engines import runtime
from headrace.errors import ExitCode, HeadraceError
from headrace.verify.at_rest import await_rest

FIRST, LINES = "first", "lines"
"""A small table, for the first row, and the one that the other numbers are about."""

_FIRST_ROWS = 1000
_SEEN_WITHIN_S = 60.0
_HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
_COUNTRIES = ("United Kingdom", "Germany", "France", "EIRE", "Spain", "Netherlands", "Belgium", "Switzerland")
_OPTION = re.compile(
    r"HEADRACE_(PROJECT_DIR|JSON|YES|TIMEOUT|TABLE|(UP|LOAD|APPLY|QUERY|VERIFY|PLAN)_.*)", re.ASCII
)
"""Variables that stand for options: somebody has set them for his own commands, not for these."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class OneProject:
    """What one project took.

    Attributes:
        rows: of the large table, as they were loaded.
        up_s: of `up --no-apply`; part of `first_row_s`.
        first_row_s: `up`, `load csv` of 1,000 rows, `apply`, and `query` until it shows one of them.
        load_s: of `load csv --create` with the large file.
        apply_s: of `apply` that takes the large table in, with its snapshot.
        verify_s: of `verify` on the large table.
        plan_s: of `plan` with nothing to do.
        pss_bytes: of each engine and the supervisor, at rest; None where it cannot be read.
    """

    rows: int
    up_s: float
    first_row_s: float
    load_s: float
    apply_s: float
    verify_s: float
    plan_s: float
    pss_bytes: dict[str, int | None]

    def as_dict(self) -> dict[str, object]:
        """Seconds and GB (10^9 bytes), rounded."""
        seconds = {name: round(value, 2) for name, value in vars(self).items() if name.endswith("_s")}
        known = [size for size in self.pss_bytes.values() if size is not None]
        # A sum without one of them would be too small, not a little uncertain.
        total = sum(known) if len(known) == len(self.pss_bytes) else None
        return {
            "rows": self.rows,
            **seconds,
            "pss_gb": _gb(total),
            "engines_pss_gb": {name: _gb(size) for name, size in self.pss_bytes.items()},
        }


def measure(directory: Path, lines: Path, *, idle_s: float, tell: Tell) -> OneProject:
    """Take a project through its commands; the folder is empty, and its engines run at the end.

    Args:
        lines: the CSV file of the large table.
        idle_s: how long the engines are left alone, once at rest, before their memory is read.
        tell: told which command runs now.
    """
    commands = Commands(directory, tell)
    _declare(directory, [FIRST])
    small = directory / "first.csv"
    small.write_text(
        "id,note\n" + "".join(f"{number},note {number}\n" for number in range(1, _FIRST_ROWS + 1)),
        encoding="utf-8",
    )
    began = time.perf_counter()
    _, up_s = commands.run("up", "--no-apply")
    commands.load(small, FIRST, "--key", "id")
    commands.run("apply", "--yes")
    _await_row(commands)
    first_row_s = time.perf_counter() - began

    loaded, load_s = commands.load(lines, LINES)
    _declare(directory, [FIRST, LINES])
    _, apply_s = commands.run("apply", "--yes")
    tell("the engines come to rest")
    await_rest(directory)
    found, verify_s = commands.run("verify", LINES)
    [verdict] = found["tables"]
    if not found["exact"] or verdict["source_rows"] != loaded["rows"]:
        raise _unexpected("verify", f"{verdict['source_rows']} rows, equal: {found['equal']}")
    planned, plan_s = commands.run("plan")
    if not planned["empty"]:
        raise _unexpected("plan", str(planned["summary"]))
    tell("the engines are left alone")
    await_rest(directory)
    time.sleep(idle_s)
    return OneProject(
        loaded["rows"], up_s, first_row_s, load_s, apply_s, verify_s, plan_s, _pss_bytes(directory)
    )


def write_lines(file: Path, rows: int) -> None:
    """Write a CSV file of invoice lines in eight columns: texts, numbers, moments, NULLs."""
    opened = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_HEADER)
        for number in range(rows):
            invoice = 536_365 + number // 21
            writer.writerow(
                (
                    f"C{invoice}" if invoice % 50 == 0 else invoice,
                    f"{10_000 + number * 7919 % 4000}{'AB'[number % 2] if number % 9 == 0 else ''}",
                    f"ARTICLE {number * 7919 % 4000}, BOX OF {number % 12 + 1}",
                    -1 if invoice % 50 == 0 else number % 24 + 1,
                    f"{opened + timedelta(minutes=number // 21 * 20):%Y-%m-%d %H:%M:%S}",
                    f"{number * 31 % 2000 / 100:.2f}",
                    "" if invoice % 4 == 0 else 12_346 + invoice % 4300,
                    _COUNTRIES[invoice % 97 % len(_COUNTRIES)],
                )
            )


@dataclass(frozen=True)
class Commands:
    """Runs `headrace` in processes of its own, on one project and no other."""

    directory: Path
    tell: Tell

    def run(self, *arguments: str) -> tuple[dict[str, Any], float]:
        """The document of a command's `--json`, and the seconds of its process.

        Raises:
            HeadraceError: `bench-command-failed`, with what the command said.
        """
        self.tell(f"headrace {arguments[0]}")
        began = time.perf_counter()
        ended = subprocess.run(
            # -P: a file here that is called like a module must not be imported.
            [sys.executable, "-P", "-m", "headrace", *arguments, "-C", str(self.directory), "--json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={name: value for name, value in os.environ.items() if not _OPTION.fullmatch(name)},
            check=False,
        )
        took_s = time.perf_counter() - began
        if ended.returncode != 0:
            raise _failed(arguments[0], ended)
        return json.loads(ended.stdout), took_s

    def load(self, file: Path, table: str, *options: str) -> tuple[dict[str, Any], float]:
        """`load csv` into a table that is made for it; bad lines go to the project's folder."""
        rejects = self.directory / f"{table}.rejects.csv"
        return self.run(
            "load", "csv", str(file), "--table", table, "--create", "--reject-file", str(rejects), *options
        )


def _declare(directory: Path, tables: list[str]) -> None:
    document = {"project": "bench", "tables": tables}
    (directory / "headrace.yaml").write_text(json.dumps(document) + "\n", encoding="utf-8")


def _await_row(commands: Commands) -> None:
    deadline = time.monotonic() + _SEEN_WITHIN_S
    question = f"SELECT note FROM {FIRST} WHERE id = {_FIRST_ROWS}"  # noqa: S608
    while True:
        found, _ = commands.run("query", question)
        if found["rows"] == [[f"note {_FIRST_ROWS}"]]:
            return
        if time.monotonic() > deadline:
            raise _unexpected("query", f"no row within {_SEEN_WITHIN_S:.0f} s")


def _pss_bytes(directory: Path) -> dict[str, int | None]:
    seen = runtime.status(directory)
    engines = {engine.name: engine.memory_bytes for engine in seen.engines}
    if seen.supervisor_pid is None:
        return engines
    return {**engines, "supervisor": seen.supervisor_memory_bytes}


def _gb(size: int | None) -> float | None:
    return None if size is None else round(size / 1e9, 3)


def _failed(command: str, ended: subprocess.CompletedProcess[str]) -> HeadraceError:
    """What a command said, as its own error."""
    try:
        said = json.loads(ended.stdout)["errors"][0]
    except (ValueError, LookupError, TypeError):
        lines = ended.stderr.strip().splitlines()
        said = {"summary": f"it ended with {ended.returncode}", "cause": lines[-1] if lines else None}
    differ = ended.returncode == ExitCode.DATA_DIFFER
    return HeadraceError(
        "bench-command-failed",
        f"`headrace {command}`: {said['summary']}",
        cause=said.get("cause"),
        hint=said.get("hint") or "run the command by itself in a project of its own",
        exit_code=ExitCode.DATA_DIFFER if differ else ExitCode.EXPECTED_FAILURE,
    )


def _unexpected(command: str, what: str) -> HeadraceError:
    return HeadraceError(
        "bench-unexpected",
        f"`headrace {command}` did not answer what it should",
        cause=what,
        hint="please report it",
    )
