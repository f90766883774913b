"""What the supervisor watches of its own accord: engines that run but do not answer, and the disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.board import Board
from headrace.engines.record import EngineState
from headrace.engines.service import Service
from headrace.observe.watch import Alert, Severity

LOW_DISK_BYTES = 2 * 1024**3
FULL_DISK_BYTES = 512 * 1024**2


@dataclass(frozen=True)
class EngineStateWatcher:
    """Raises an alert for every engine that is down, or whose process lives but does not answer."""

    services: Sequence[Service]
    board: Board
    name: str = "engines"
    interval_s: float = 5.0

    def check(self) -> list[Alert]:
        return [alert for service in self.services if (alert := self._of(service)) is not None]

    def _of(self, service: Service) -> Alert | None:
        record = self.board.record(service.name)
        address = f"engine:{service.name}"
        if record.state is EngineState.FAILED:
            return Alert(
                "engine-failed",
                f"{service.name} failed: {record.reason}",
                Severity.CRITICAL,
                f"headrace logs {service.name}; headrace up tries again",
                address,
            )
        if record.state is not EngineState.READY:
            return Alert("engine-down", f"{service.name} is {record.state}: {record.reason}", address=address)
        waited_for = service.ready()
        if waited_for is None or self.board.record(service.name).state is not EngineState.READY:
            return None
        return Alert(
            "engine-not-answering",
            f"{service.name} runs but does not answer; waited for: {waited_for}",
            Severity.CRITICAL,
            f"headrace logs {service.name}",
            address,
        )


@dataclass(frozen=True)
class DiskWatcher:
    """Raises an alert before the disk under the data is full: then every engine would stop at once."""

    path: Path
    name: str = "disk"
    interval_s: float = 10.0

    def check(self) -> list[Alert]:
        free_bytes = shutil.disk_usage(self.path).free
        if free_bytes >= LOW_DISK_BYTES:
            return []
        severity = Severity.CRITICAL if free_bytes < FULL_DISK_BYTES else Severity.WARNING
        return [
            Alert(
                "disk-almost-full",
                f"{free_bytes // 1024**2} MB left on the disk of {self.path}",
                severity,
                "free some space; `headrace down` stops the engines in order before it is gone",
            )
        ]
