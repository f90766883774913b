"""The engines' logs, wherever the engines run."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.engines import logfile
from headrace.engines.folder import ProjectFolder
from headrace.engines.target import Target, target_of


def names(folder: ProjectFolder) -> list[str]:
    """Whose logs there are."""
    files = {path.stem for path in folder.logs.glob("*.log")}
    return sorted(files | _containers(folder).keys())


def tail(folder: ProjectFolder, engine: str, lines: int) -> list[str]:
    """The last lines of one of `names`."""
    container = _containers(folder).get(engine)
    if container is None:
        return logfile.tail(folder.log(engine), lines)
    from headrace.engines.compose.docker import Docker

    return Docker.find().log(container, lines)


def follow(folder: ProjectFolder, engine: str) -> Iterator[str]:
    """Lines as they come, from this call on."""
    container = _containers(folder).get(engine)
    if container is None:
        return logfile.follow(folder.log(engine), lambda: False)
    from headrace.engines.compose.docker import Docker

    return Docker.find().follow(container)


def place(folder: ProjectFolder, engine: str) -> str:
    """Where the log is, in words a person can use."""
    container = _containers(folder).get(engine)
    return str(folder.log(engine)) if container is None else f"docker logs {container[:12]}"


def _containers(folder: ProjectFolder) -> dict[str, str]:
    """Ids by engine; empty where the engines are no containers."""
    if target_of(folder) is not Target.COMPOSE:
        return {}
    from headrace.engines.compose import containers, site
    from headrace.engines.compose.docker import Docker

    kept = site.read(folder)
    if kept is None:
        return {}
    seen = containers.own(containers.see(Docker.find(), kept.compose_project), kept.id)
    return {name: one.id for name, one in seen.items()}
