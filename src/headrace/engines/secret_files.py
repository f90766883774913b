"""Files that hold secrets: mode 600 in a folder of mode 700, written whole or not at all."""

from __future__ import annotations

import secrets
from pathlib import Path

from headrace.engines import properties
from headrace.engines.folder import ProjectFolder, write_atomically

PASSWORD = "source.password"  # noqa: S105 - a file name
PROPERTIES = "source.properties"
SUPERSET_PASSWORD = "superset.password"  # noqa: S105
SUPERSET_KEY = "superset.key"
MASK_KEY = "mask.properties"
SOURCE_CA = "source-ca.pem"


def folder(project: ProjectFolder) -> Path:
    """The project's secrets, `.headrace/secrets`, made if need be."""
    path = project.root / "secrets"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def keep(project: ProjectFolder, name: str, text: str) -> Path:
    """Have a secret that somebody else knows in a file of this name."""
    path = folder(project) / name
    write_atomically(path, text, mode=0o600)
    return path


def embedded_password(project: ProjectFolder) -> str:
    """The password of the embedded PostgreSQL: random, made at the first call, the same ever after."""
    return _kept(folder(project) / PASSWORD, 24)


def write_password_file(project: ProjectFolder, password: str) -> Path:
    """Put the source's password where Kafka Connect's FileConfigProvider reads it; idempotent.

    Returns:
        The Java properties file with the one key `password`.
    """
    path = folder(project) / PROPERTIES
    text = properties.render({"password": password})
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text, mode=0o600)
    return path


def superset_password(project: ProjectFolder) -> str:
    """The password of Superset's administrator: random, made at the first call, the same ever after."""
    return _kept(superset_password_file(project), 24)


def superset_password_file(project: ProjectFolder) -> Path:
    """Where people find it; nothing prints it."""
    return folder(project) / SUPERSET_PASSWORD


def superset_key(project: ProjectFolder) -> Path:
    """The file of the key Superset signs its sessions with; made at the first call."""
    path = folder(project) / SUPERSET_KEY
    _kept(path, 48)
    return path


def mask_key(project: ProjectFolder) -> Path:
    """The file of the key of the hash that hides columns, a Java properties file; made at the first call."""
    path = folder(project) / MASK_KEY
    if not path.exists():
        write_atomically(path, f"mask_key={secrets.token_hex(32)}\n", mode=0o600)
    return path


def _kept(path: Path, random_bytes: int) -> str:
    if not path.exists():
        write_atomically(path, secrets.token_urlsafe(random_bytes), mode=0o600)
    return path.read_text()
