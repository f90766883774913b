"""What is kept of a project that runs in containers: its names for Docker, and which engines it has."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.errors import HeadraceError, Where


@dataclass(frozen=True)
class Site:
    """One project folder's containers.

    Attributes:
        compose_project: `headrace-shop`.
        id: of the folder; everything made for it carries this as a label.
        engines: those that were started last.
        embedded_source: whether PostgreSQL is one of them.
        kafka_ui: whether kafka-ui is there.
    """

    project: str
    compose_project: str
    id: str
    engines: tuple[str, ...] = ()
    embedded_source: bool = True
    kafka_ui: bool = False

    @classmethod
    def new(cls, project: str) -> Site:
        return cls(project, f"headrace-{project}", secrets.token_hex(8))


_SITE = TypeAdapter(Site)


def files_folder(folder: ProjectFolder) -> Path:
    """Where the project's compose files are written."""
    return folder.root / "compose"


def read(folder: ProjectFolder) -> Site | None:
    """None where nothing was started in containers.

    Raises:
        HeadraceError: `site-unreadable`.
    """
    path = files_folder(folder) / "site.json"
    try:
        return _SITE.validate_json(path.read_bytes())
    except OSError:
        return None
    except ValidationError as error:
        raise HeadraceError(
            "site-unreadable",
            f"{path} cannot be understood",
            cause=str(error.errors()[0]["msg"]),
            hint="it names this project's containers: restore it, or remove them by hand (docker ps --all)",
            where=Where(file=str(path)),
        ) from None


def write(folder: ProjectFolder, site: Site) -> None:
    """Replace what was kept."""
    files_folder(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(files_folder(folder) / "site.json", _SITE.dump_json(site, indent=1).decode(), mode=0o600)
