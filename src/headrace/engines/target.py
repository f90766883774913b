"""Where a project's engines run: as processes of this machine, or in containers."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.errors import HeadraceError, Where

VARIABLE = "HEADRACE_TARGET"


class Target(StrEnum):
    """The places there are."""

    NATIVE = "native"
    COMPOSE = "compose"


def target_of(folder: ProjectFolder) -> Target:
    """The target of a project: what `up` wrote down, else what is asked for, else native.

    Raises:
        HeadraceError: `target-differs` when another one is asked for than the project has;
            `no-such-target`.
    """
    asked = _asked()
    if asked is not None:
        expect(folder, asked)
    return asked or _recorded(folder) or Target.NATIVE


def expect(folder: ProjectFolder, wanted: Target) -> None:
    """Refuse a target that is not the one the project has.

    Raises:
        HeadraceError: `target-differs`.
    """
    recorded = _recorded(folder)
    if recorded is not None and recorded is not wanted:
        raise HeadraceError(
            "target-differs",
            f"this project runs with --target {recorded}, not {wanted}",
            cause=f"its data are there: {folder.root}",
            hint="leave --target out, or run `headrace down --purge` first to move it",
            where=Where(file=str(folder.directory)),
        )


def record(folder: ProjectFolder, target: Target) -> None:
    """Have the project keep its target until it is purged."""
    write_atomically(_path(folder), f"{target}\n")


def _path(folder: ProjectFolder) -> Path:
    return folder.root / "target"


def _recorded(folder: ProjectFolder) -> Target | None:
    try:
        return Target(_path(folder).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        # Before there were targets, none was written down.
        return Target.NATIVE if folder.request_file.exists() else None


def _asked() -> Target | None:
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        return Target(text)
    except ValueError:
        raise HeadraceError(
            "no-such-target",
            f"there is no target {text}",
            hint=f"there are {', '.join(Target)}",
        ) from None
