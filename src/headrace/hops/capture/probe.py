"""How a capture's connector is doing and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from headrace.hops.capture.client import ConnectClient, Json
from headrace.hops.capture.failure import Failure, failure

FAILED = "FAILED"
RUNNING = "RUNNING"
PAUSED = "PAUSED"


@dataclass(frozen=True)
class TaskStatus:
    """One task of a connector; `failure` says why when it has failed."""

    state: str
    worker: str
    failure: Failure | None = None
    number: int = 0


@dataclass(frozen=True)
class ConnectorStatus:
    """What Connect says of a connector.

    A task that died of an error in sending is still called RUNNING for up to 30 s, until its producer has
    given up closing: a connector that is RUNNING but moves nothing is not healthy.

    Attributes:
        state: RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED or RESTARTING.
        tasks: one for a capture, several for some connectors of others, none while they are being made.
        failure: why, when the connector or one of its tasks has failed.
        worker: where it runs.
    """

    name: str
    state: str
    tasks: tuple[TaskStatus, ...]
    failure: Failure | None = None
    worker: str = ""

    @property
    def task(self) -> TaskStatus | None:
        """The one task of a capture's connector; None while it has none."""
        return self.tasks[0] if self.tasks else None

    @property
    def is_healthy(self) -> bool:
        return self.state == RUNNING and self.task is not None and self.task.state == RUNNING


@dataclass(frozen=True)
class CapturePosition:
    """Where a connector has got to, as committed with the rows in Kafka.

    Attributes:
        lsn: WAL position of the last change sent, None before the first.
        in_snapshot: the initial snapshot is not over.
        commit_time_ms: when the last change was committed at the source.
    """

    lsn: int | None
    in_snapshot: bool
    commit_time_ms: int | None


def status(client: ConnectClient, name: str) -> ConnectorStatus | None:
    """State of connector and task; None when there is no connector or it is not known yet."""
    found = client.status(name)
    if found is None:
        return None
    connector = cast("dict[str, str]", found["connector"])
    tasks = tuple(_task(one) for one in cast("list[dict[str, object]]", found.get("tasks") or []))
    own = failure(connector.get("trace", "")) if connector["state"] == FAILED else None
    why = own or next((one.failure for one in tasks if one.failure), None)
    return ConnectorStatus(name, connector["state"], tasks, why, connector.get("worker_id", ""))


def _task(found: dict[str, object]) -> TaskStatus:
    state = str(found["state"])
    why = failure(str(found.get("trace", ""))) if state == FAILED else None
    return TaskStatus(state, str(found.get("worker_id", "")), why, int(cast(int, found.get("id", 0))))


def position(client: ConnectClient, name: str) -> CapturePosition:
    """How far the connector has come; compare `lsn` with the source's WAL position for its lag in bytes."""
    entries = client.offsets(name)
    offset = cast(Json, entries[0].get("offset") or {}) if entries else {}
    lsn = offset.get("lsn_proc", offset.get("lsn"))
    micros = offset.get("ts_usec")
    return CapturePosition(
        lsn=int(cast(int, lsn)) if lsn is not None else None,
        in_snapshot=not offset or "snapshot" in offset,
        commit_time_ms=int(cast(int, micros)) // 1000 if micros is not None else None,
    )


def restart_failed(client: ConnectClient, name: str) -> bool:
    """Restart what has failed, whatever the reason; False when nothing had."""
    found = status(client, name)
    if found is None or found.failure is None:
        return False
    client.restart_failed(name)
    return True
