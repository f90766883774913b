"""Asking before something is changed."""

from __future__ import annotations

import sys

import typer

from headrace.cli import output
from headrace.errors import ExitCode, HeadraceError


def confirm(question: str, wanted: str, *, yes: bool) -> None:
    """Return only if somebody agreed.

    Args:
        question: what is asked.
        wanted: what has to be typed.
        yes: `--yes` was given.

    Raises:
        HeadraceError: `not-confirmed`, also when there is nobody to ask.
    """
    if yes:
        return
    if output.json_wanted() or not sys.stdin.isatty():
        raise HeadraceError(
            "not-confirmed",
            "this changes things, and there is nobody to ask",
            hint="add --yes, or run it in a terminal",
        )
    given = typer.prompt(f"{question} Type `{wanted}` to go on", default="", show_default=False, err=True)
    if given.strip() != wanted:
        raise HeadraceError(
            "not-confirmed",
            "nothing was changed",
            cause="it was not confirmed",
            hint=f"type `{wanted}`, or add --yes",
            exit_code=ExitCode.EXPECTED_FAILURE,
        )
