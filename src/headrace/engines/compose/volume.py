"""What a volume was last used by, so that an engine never opens files a newer or another one has written."""

from __future__ import annotations

import json

from headrace.engines import versions
from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.errors import HeadraceError, Where

_STAMP = "volume.json"

_ENGINES = {
    "postgres": versions.POSTGRES,
    "kafka": versions.KAFKA,
    "connect": versions.KAFKA,
    "zookeeper": versions.ZOOKEEPER,
    "pinot": versions.PINOT,
    "spark": versions.SPARK,
    "superset": versions.SUPERSET,
}


def claim(folder: ProjectFolder, role: str) -> None:
    """Write down which engine of which version uses the folder now.

    Raises:
        HeadraceError: `volume-of-another-engine`, `volume-of-another-version`.
    """
    version = _ENGINES[role].version
    path = folder.root / _STAMP
    found = _read(folder)
    if found is not None:
        owner, before = found
        if owner != role:
            raise HeadraceError(
                "volume-of-another-engine",
                f"the volume holds data of {owner}, not of {role}",
                hint="give each service a volume of its own",
                where=Where(file=str(folder.directory)),
            )
        if not _can_open(role, before, version):
            raise HeadraceError(
                "volume-of-another-version",
                f"the volume holds data of {role} {before}, and this is {version}",
                cause="a major release, or an older one, cannot open them",
                hint=f"run the image that has {role} {before}, or remove the volume"
                " (`headrace down --purge` removes all of the project)",
                where=Where(file=str(folder.directory)),
            )
    write_atomically(path, json.dumps({"version": 1, "engine": role, "engine_version": version}))


def _read(folder: ProjectFolder) -> tuple[str, str] | None:
    try:
        document: object = json.loads((folder.root / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    match document:
        case {"engine": str(engine), "engine_version": str(version)}:
            return engine, version
        case _:
            return None


def _can_open(role: str, before: str, now: str) -> bool:
    """Newer ones open what older ones wrote; PostgreSQL only within a major release."""
    old, new = _numbers(before), _numbers(now)
    return old <= new and (role != "postgres" or old[0] == new[0])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
