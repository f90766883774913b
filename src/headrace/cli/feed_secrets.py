"""Secrets on the command line: references, never values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headrace.errors import HeadraceError
from headrace.spec.secret import SecretReference


def resolve(reference: str, option: str, directory: Path) -> str:
    """What `env:NAME` or `file:PATH` points to; `feed-secret` for anything else, which is not shown."""
    try:
        parsed = SecretReference.parse(reference)
    except ValueError as error:
        raise HeadraceError(
            "feed-secret",
            f"{option} takes a reference, not the secret itself",
            cause=str(error),
            hint="export the secret as a variable and give env:NAME, or keep it in a file of mode 600",
        ) from error
    return parsed.resolve(directory=directory)


def pairs(values: Sequence[str], option: str, directory: Path) -> dict[str, str]:
    """NAME=REFERENCE pairs, resolved; `Authorization` may say its scheme: `Authorization=Bearer env:NAME`."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, reference = value.partition("=")
        if not equals or not name.strip():
            raise HeadraceError(
                "feed-secret",
                f"{option} is NAME=env:VARIABLE or NAME=file:PATH",
                hint="for instance X-API-Key=env:KEY",
            )
        scheme, space, rest = reference.strip().partition(" ")
        secret = resolve(rest if space else scheme, option, directory)
        found[name.strip()] = f"{scheme} {secret}" if space else secret
    return found
