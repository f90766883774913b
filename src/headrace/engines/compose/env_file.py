"""The env file of a project: every variable of the compose files, secrets among them; mode 600.

It is made from what the project holds (`.headrace/secrets`, the recorded ports, the declaration) and can be
made again at any time: nothing is lost with it.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.endpoints import SourceAddress
from headrace.engines import secret_files
from headrace.engines.compose import env_values
from headrace.engines.compose.kafka_ui import PROFILE
from headrace.engines.compose.roles import (
    MASK_KEY,
    ROLES,
    SOURCE_CA,
    SOURCE_PASSWORD,
    SUPERSET_KEY,
    SUPERSET_PASSWORD,
    heap_variable,
    memory_variable,
    port_variable,
)
from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.engines.stack import DEFAULT_HEAPS_MB
from headrace.errors import HeadraceError, Where

_HEAD = "# Written by headrace; holds secrets. Not to be shown, committed or made readable for others.\n"


@dataclass(frozen=True)
class Variables:
    """What a project's env file says besides the secrets.

    Attributes:
        project: its name.
        compose_project: what Compose calls it.
        id: of this project folder, whatever its name.
        image: of the engines.
        ports: the loopback ports that are published, by name.
        heaps: MB by engine, where they differ from the defaults.
        source: somebody's own PostgreSQL; None means the embedded one.
    """

    project: str
    compose_project: str
    id: str
    image: str
    ports: Mapping[str, int]
    heaps: Mapping[str, int]
    source: SourceAddress | None = None


def path_of(folder: ProjectFolder) -> Path:
    return folder.root / "compose" / "env"


def write(folder: ProjectFolder, variables: Variables) -> Path:
    """Write the project's env file, with secrets that are made at the first call and kept.

    Raises:
        HeadraceError: `env-file-readable` when there is one that others can read.
    """
    path = path_of(folder)
    check_closed(path)
    lines = [
        *(f"{name}={value}" for name, value in _open_values(variables).items()),
        *(f"{name}={env_values.encoded(value)}" for name, value in _secrets(folder, variables).items()),
    ]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, _HEAD + "\n".join(lines) + "\n", mode=0o600)
    return path


def check_closed(path: Path) -> None:
    """Refuse a file of secrets that others can read.

    Raises:
        HeadraceError: `env-file-readable`.
    """
    if not path.exists():
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise HeadraceError(
            "env-file-readable",
            "the file with the secrets is open to others",
            cause=f"its mode is {mode:03o}",
            hint=f"chmod 600 {path}; if others have read it, `headrace down --purge` makes new secrets",
            where=Where(file=str(path)),
        )


def _open_values(variables: Variables) -> dict[str, str]:
    heaps = {**DEFAULT_HEAPS_MB, **variables.heaps}
    return {
        "COMPOSE_PROJECT_NAME": variables.compose_project,
        "COMPOSE_PROFILES": PROFILE,
        "HEADRACE_PROJECT": variables.project,
        "HEADRACE_ID": variables.id,
        "HEADRACE_IMAGE": variables.image,
        **{port_variable(name): str(port) for name, port in variables.ports.items()},
        **{heap_variable(name): str(heap_mb) for name, heap_mb in heaps.items()},
        **{
            memory_variable(role.name): f"{heaps.get(role.name, 0) + role.besides_mb}m"
            for role in ROLES.values()
        },
    }


def _secrets(folder: ProjectFolder, variables: Variables) -> dict[str, str]:
    source = variables.source
    mask_key = secret_files.mask_key(folder).read_text(encoding="ascii")
    found = {
        SOURCE_PASSWORD: secret_files.embedded_password(folder) if source is None else source.password,
        MASK_KEY: mask_key.strip().partition("=")[2],
        SUPERSET_PASSWORD: secret_files.superset_password(folder),
        SUPERSET_KEY: secret_files.superset_key(folder).read_text(encoding="utf-8"),
    }
    if source is not None and source.sslrootcert:
        found[SOURCE_CA] = Path(source.sslrootcert).read_text(encoding="utf-8")
    return found
