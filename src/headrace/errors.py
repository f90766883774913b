"""The errors headrace raises on purpose, and the exit codes they lead to.

Promise: every known failure is a `HeadraceError` with a stable `code`, one line of summary, the cause as it
was met, and the remedy. Anything else that reaches the command line is a bug and exits with 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller. The same table stands in docs/reference/exit-codes.md."""

    DONE = 0
    EXPECTED_FAILURE = 1
    BUG = 2
    CHANGES_PRESENT = 3
    OBJECTIVE_MISSED = 4
    DATA_DIFFER = 5
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True)
class Where:
    """The place an error speaks of: a file and line, an address such as `table:public.orders`, or both."""

    file: str | None = None
    line: int | None = None
    address: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.file and self.line is not None:
            place = f"{self.file}:{self.line}"
        return " ".join(part for part in (place, self.address) if part)


class HeadraceError(Exception):
    """A known failure: what failed, why, and what to do about it.

    Args:
        code: stable, kebab-case, documented in docs/reference/errors.md (`wal-level-not-logical`).
        summary: one line without a full stop, no secret and no value of a user's row in it.
        cause: what was observed, for instance the first line of a server's message.
        hint: the remedy, a command where there is one.
        where: the place.
        exit_code: what the process exits with.
    """

    def __init__(
        self,
        code: str,
        summary: str,
        *,
        cause: str | None = None,
        hint: str | None = None,
        where: Where | None = None,
        exit_code: ExitCode = ExitCode.EXPECTED_FAILURE,
    ) -> None:
        super().__init__(summary)
        self.code = code
        self.summary = summary
        self.cause = cause
        self.hint = hint
        self.where = where
        self.exit_code = exit_code

    def as_dict(self) -> dict[str, object]:
        """The JSON form, the same for every command (`--json`)."""
        return {
            "code": self.code,
            "summary": self.summary,
            "cause": self.cause,
            "hint": self.hint,
            "file": self.where.file if self.where else None,
            "line": self.where.line if self.where else None,
            "address": self.where.address if self.where else None,
        }


class HeadraceErrors(HeadraceError):
    """Several known failures found in one look; all are shown, none is hidden behind the first."""

    def __init__(self, errors: list[HeadraceError]) -> None:
        if not errors:
            raise ValueError("HeadraceErrors needs at least one error")
        super().__init__(errors[0].code, f"{len(errors)} errors", exit_code=errors[0].exit_code)
        self.errors = tuple(errors)
