"""Until every container's engine serves, or a clear word on which does not and why."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from headrace.engines.compose import containers
from headrace.engines.compose.containers import Seen
from headrace.engines.compose.definitions import definition
from headrace.engines.compose.docker import Docker
from headrace.engines.compose.ready import waits_for
from headrace.engines.compose.site import Site
from headrace.engines.lifecycle import EnginesSeen, Progress
from headrace.engines.record import EngineRecord, EngineState
from headrace.errors import HeadraceError, Where

_POLL_S = 0.3
_LOOK_EVERY_S = 2.0
_RESTARTS = 3
"""So many new starts while `up` waits mean that it will not come up."""
_MARGIN_S = 60.0
LOG_LINES = 15


@dataclass
class _Waiting:
    record: EngineRecord
    deadline: float
    restarts_before: int


def wait_ready(
    docker: Docker, kept: Site, ports: Mapping[str, int], password: str, progress: Progress
) -> None:
    """Return when all of the site's engines serve at their published ports.

    Args:
        docker: the daemon.
        kept: which engines.
        ports: the published ones.
        password: of the embedded PostgreSQL.
        progress: told how they stand.

    Raises:
        HeadraceError: `engine-failed`, with what was waited for and the container's last lines.
    """
    now = datetime.now(UTC)
    began = time.monotonic()
    seen = _look(docker, kept)
    waiting = {
        name: _Waiting(
            EngineRecord(name, EngineState.STARTING, now),
            # One after the other, as slow machines have it.
            began + definition(name).start_timeout_s + _MARGIN_S,
            seen[name].restarts if name in seen else 0,
        )
        for name in kept.engines
    }
    looked = began
    while True:
        for name, one in waiting.items():
            if one.record.state is not EngineState.READY:
                reason = waits_for(name, ports, kept.project, password)
                state = EngineState.READY if reason is None else EngineState.STARTING
                one.record = EngineRecord(name, state, now, reason=reason)
        progress(EnginesSeen(tuple(one.record for one in waiting.values())))
        open_ = {name: one for name, one in waiting.items() if one.record.state is not EngineState.READY}
        if not open_:
            return
        if time.monotonic() - looked > _LOOK_EVERY_S:
            looked = time.monotonic()
            seen = _look(docker, kept)
        for name, one in open_.items():
            found = seen.get(name)
            if found is not None and found.state == containers.PAUSED:
                # It is not the engine that takes so long.
                one.deadline = max(one.deadline, time.monotonic() + _MARGIN_S)
            _check(docker, one, found, name)
        time.sleep(_POLL_S)


def _look(docker: Docker, kept: Site) -> dict[str, Seen]:
    return containers.own(containers.see(docker, kept.compose_project), kept.id)


def _check(docker: Docker, one: _Waiting, seen: Seen | None, name: str) -> None:
    if seen is None:
        raise _failure(docker, name, "its container is gone", None)
    if seen.restarts - one.restarts_before >= _RESTARTS or seen.state == "exited":
        raise _failure(docker, name, f"it died again and again; last: {seen.ended}", seen)
    if time.monotonic() > one.deadline:
        raise _failure(docker, name, f"not ready in time, waited for: {one.record.reason}", seen)


def _failure(docker: Docker, name: str, reason: str, seen: Seen | None) -> HeadraceError:
    lines = docker.log(seen.id, LOG_LINES) if seen is not None else []
    told = ["last lines of its log:", *(f"  {line}" for line in lines)] if lines else []
    hint = "see the whole log"
    if seen is not None and seen.ended and "memory" in seen.ended:
        hint = f"raise engines.heap for {name} in headrace.yaml: its container's limit follows"
    return HeadraceError(
        "engine-failed",
        f"{name} does not run",
        cause="\n".join([reason, *told]),
        hint=f"{hint} (`headrace logs {name}`)",
        where=Where(address=f"engine:{name}"),
    )
