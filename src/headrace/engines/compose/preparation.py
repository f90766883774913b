"""What `up` makes sure of before a container is started: image, ports, files, memory, nobody in the way."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from headrace.endpoints import SourceAddress
from headrace.engines import ports, stack
from headrace.engines.compose import containers, env_file, image, kafka_ui, site
from headrace.engines.compose.docker import Docker
from headrace.engines.compose.render import IMAGE, files
from headrace.engines.compose.roles import KAFKA_UI, ROLES
from headrace.engines.compose.site import Site
from headrace.engines.folder import ProjectFolder
from headrace.engines.lifecycle import Note, Progress
from headrace.engines.request import EngineRequest
from headrace.errors import HeadraceError, Where

IMAGE_VARIABLE = "HEADRACE_IMAGE"
CERTIFICATES_VARIABLE = "HEADRACE_BUILD_CA"

_PULL_PATIENCE_S = 600.0
_LEAST_BESIDES_MB = 128
"""What a JVM takes beside its heap at the very least."""


@dataclass(frozen=True)
class Wanted:
    """What is to run in containers.

    Attributes:
        request: as it is natively.
        fixed_ports: those the declaration asks for.
        source: somebody's own PostgreSQL; None means the embedded one.
    """

    request: EngineRequest
    fixed_ports: Mapping[str, int]
    source: SourceAddress | None

    @property
    def engines(self) -> tuple[str, ...]:
        """In an order in which they can be started."""
        left_out = {"postgres"} if not self.request.embedded_source else set[str]()
        left_out |= stack.OPTIONAL.keys() - set(self.request.optional)
        return tuple(name for name in ROLES if name not in left_out)


def site_of(folder: ProjectFolder, docker: Docker, wanted: Wanted) -> tuple[Site, dict[str, containers.Seen]]:
    """The project's site, the one it had where it had one, and its containers.

    Raises:
        HeadraceError: `compose-project-taken` when another folder's project has the same name.
    """
    kept = site.read(folder) or Site.new(wanted.request.project)
    strangers = containers.foreign(docker, kept.compose_project, kept.id)
    if strangers:
        raise HeadraceError(
            "compose-project-taken",
            f"another project called {wanted.request.project} has containers or volumes here",
            cause=f"{', '.join(strangers[:3])}{', …' if len(strangers) > 3 else ''}",
            hint="`headrace down --purge` in its folder, give this project another name, or remove them:"
            f" docker ps --all --filter label=com.docker.compose.project={kept.compose_project}",
            where=Where(file=str(folder.directory)),
        )
    seen = containers.own(containers.see(docker, kept.compose_project), kept.id)
    return kept, seen


def write_files(
    folder: ProjectFolder, kept: Site, wanted: Wanted, tag: str, seen: Mapping[str, containers.Seen]
) -> dict[str, int]:
    """Choose the published ports and write compose files, env file and site; the ports.

    Raises:
        HeadraceError: `port-taken`, `no-free-port`, `env-file-readable`.
    """
    env_file.check_closed(env_file.path_of(folder))
    names = [name for engine in kept.engines for name in ROLES[engine].published]
    chosen = ports.allocate(
        folder,
        [*names, KAFKA_UI],
        wanted.request.home,
        in_use=_published(folder, seen),
        fixed={name: port for name, port in wanted.fixed_ports.items() if name in {*names, KAFKA_UI}},
    )
    site.write(folder, kept)
    for name, text in files().items():
        (site.files_folder(folder) / name).write_text(text, encoding="utf-8")
    variables = env_file.Variables(
        wanted.request.project,
        kept.compose_project,
        kept.id,
        tag,
        chosen.ports,
        wanted.request.heaps,
        wanted.source,
    )
    env_file.write(folder, variables)
    return dict(chosen.ports)


def image_name() -> str:
    """The engines' image: ours, or the one somebody names."""
    return os.environ.get(IMAGE_VARIABLE) or IMAGE


def ensure_image(docker: Docker, home: Path, progress: Progress) -> str:
    """The name of the engines' image, built here if it is ours and not there, or of other sources.

    Raises:
        HeadraceError: `image-missing` for somebody else's, those of `image.build`.
    """
    tag = image_name()
    if tag != IMAGE:
        if docker.inspect("image", [tag]) or docker.succeeds("pull", tag, timeout_s=_PULL_PATIENCE_S):
            return tag
        raise HeadraceError(
            "image-missing",
            f"the image {tag} is not here and cannot be pulled",
            hint=f"unset {IMAGE_VARIABLE} to build one, or `docker load` it",
        )
    if image.is_current(docker, tag):
        return tag
    stated = os.environ.get(CERTIFICATES_VARIABLE)
    image.build(docker, tag, home, progress, certificates=Path(stated) if stated else None)
    return tag


def has_kafka_ui(docker: Docker, progress: Progress) -> bool:
    """Whether kafka-ui's image is here or can be pulled; says so when it cannot: all else works without."""
    tag = os.environ.get(kafka_ui.IMAGE_VARIABLE) or kafka_ui.IMAGE
    if docker.succeeds("image", "inspect", tag):
        return True
    try:
        docker.run("pull", "--quiet", tag, timeout_s=_PULL_PATIENCE_S)
    except HeadraceError:
        progress(Note(f"without kafka-ui: {tag} cannot be pulled; `headrace topics` shows topics and lag"))
        return False
    return True


def check_memory(docker: Docker, wanted: Wanted) -> None:
    """Refuse what cannot fit into the daemon's machine.

    Raises:
        HeadraceError: `memory-too-small`.
    """
    known = cast("dict[str, object]", json.loads(docker.run("info", "--format", "{{json .}}")))
    there_mb = int(cast(int, known.get("MemTotal") or 0)) // 1024**2
    heaps = {**stack.DEFAULT_HEAPS_MB, **wanted.request.heaps}
    needed_mb = sum(heaps.get(name, 0) + _LEAST_BESIDES_MB for name in wanted.engines)
    if there_mb and needed_mb > there_mb:
        raise HeadraceError(
            "memory-too-small",
            f"the engines need {needed_mb} MB, and Docker's machine has {there_mb} MB",
            hint="lower engines.heap in headrace.yaml, or give Docker more memory",
        )


def _published(folder: ProjectFolder, seen: Mapping[str, containers.Seen]) -> set[int]:
    """The recorded ports that running containers of ours hold."""
    recorded = ports.read_ports(folder)
    running = {engine for engine, one in seen.items() if one.runs}
    names = [name for engine in running & ROLES.keys() for name in ROLES[engine].published]
    if kafka_ui.SERVICE in running:
        names.append(KAFKA_UI)
    return {recorded[name] for name in names if name in recorded}
