"""The containers of a project as the daemon sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from headrace.engines.compose.docker import PROJECT_LABEL, SERVICE_LABEL, Docker
from headrace.engines.compose.render import ID_LABEL

PAUSED = "paused"


@dataclass(frozen=True)
class Seen:
    """One container.

    Attributes:
        service: the engine's name.
        state: `running`, `restarting`, `exited`, `created`.
        pid: of its main process, as the daemon's machine counts; None when none runs.
        restarts: how often the restart policy started it again.
        ended: why the last process ended, when that is known and none runs.
        project_id: of the project folder it was made for.
    """

    id: str
    service: str
    state: str
    pid: int | None
    started_at: datetime | None
    restarts: int
    ended: str | None
    project_id: str

    @property
    def runs(self) -> bool:
        return self.state == "running" and self.pid is not None


def see(docker: Docker, compose_project: str) -> tuple[Seen, ...]:
    """All containers under a Compose project's name."""
    ids = docker.labelled("container", {PROJECT_LABEL: compose_project})
    return tuple(_seen(document) for document in docker.inspect("container", ids))


def own(seen: Iterable[Seen], project_id: str) -> dict[str, Seen]:
    """Those of one project folder, by service."""
    return {one.service: one for one in seen if one.project_id == project_id}


def foreign(docker: Docker, compose_project: str, project_id: str) -> list[str]:
    """Containers and volumes under the same Compose name that belong to another folder, by name."""
    labels = {PROJECT_LABEL: compose_project}
    strangers: list[str] = []
    for kind in ("container", "volume"):
        for document in docker.inspect(kind, docker.labelled(kind, labels)):
            if _label(document, ID_LABEL) != project_id:
                strangers.append(f"{kind} {str(document.get('Name', '')).lstrip('/')}")
    return strangers


def stop(docker: Docker, containers: Sequence[Seen], timeout_s: float) -> None:
    """Ask them to end, in the way their image says, and make sure that they have."""
    resume(docker, containers)
    if containers:
        docker.run(
            "stop",
            "-t",
            f"{timeout_s:.0f}",
            *(one.id for one in containers),
            timeout_s=timeout_s * len(containers) + 60,
        )


def resume(docker: Docker, containers: Iterable[Seen]) -> None:
    """Let those go on that somebody has paused: they can neither serve nor end."""
    paused = [one.id for one in containers if one.state == PAUSED]
    if paused:
        docker.run("unpause", *paused)


def remove(docker: Docker, project_id: str, compose_project: str) -> None:
    """Remove all containers, volumes and networks that carry this folder's mark; idempotent."""
    labels = {PROJECT_LABEL: compose_project, ID_LABEL: project_id}
    for kind, command in (
        ("container", ("rm", "--force", "--volumes")),
        ("volume", ("volume", "rm")),
        ("network", ("network", "rm")),
    ):
        found = docker.labelled(kind, labels)
        if found:
            docker.run(*command, *found)


def _seen(document: Mapping[str, object]) -> Seen:
    state = cast("Mapping[str, object]", document["State"])
    name = str(state.get("Status"))
    pid = cast(int, state.get("Pid") or 0)
    return Seen(
        id=str(document["Id"]),
        service=_label(document, SERVICE_LABEL),
        state=name,
        pid=pid if pid > 0 else None,
        started_at=_instant(str(state.get("StartedAt"))),
        restarts=cast(int, document.get("RestartCount") or 0),
        ended=None if name == "running" else _ending(state),
        project_id=_label(document, ID_LABEL),
    )


def _ending(state: Mapping[str, object]) -> str | None:
    if state.get("Status") == PAUSED:
        return "somebody has paused it; `headrace up` lets it go on"
    if state.get("OOMKilled"):
        return "killed: it needed more memory than its container may use"
    if error := state.get("Error"):
        return str(error)[:200]
    code = cast(int, state.get("ExitCode") or 0)
    return f"killed by signal {code - 128}" if code > 128 else f"ended with status {code}"


def _label(document: Mapping[str, object], name: str) -> str:
    held = document.get("Labels")
    if held is None:
        held = cast("Mapping[str, object]", document.get("Config") or {}).get("Labels")
    return str(cast("Mapping[str, object]", held or {}).get(name, ""))


def _instant(text: str) -> datetime | None:
    """Docker writes nanoseconds, and the year 1 for never."""
    try:
        found = datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        return None
    return found if found.year > 1 else None
