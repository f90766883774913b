"""A project whose engines are small servers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import headrace_home
from headrace.engines.lifecycle import Event
from headrace.engines.process import ProcessIdentity, marked
from headrace.engines.record import EngineRecord, EngineState, read_engines
from headrace.engines.request import EngineRequest, RestartPolicy
from headrace.engines.starting import start
from headrace.engines.stop_project import Stopped, stop


def eventually(condition: Callable[[], Any], timeout_s: float = 30.0, *, pause_s: float = 0.05) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(pause_s)
    pytest.fail(f"not within {timeout_s} s")


@dataclass
class SmallProject:
    """Its ports are registered where those of all engines on this machine are, or they might be the same."""

    directory: Path
    home: Path = field(default_factory=headrace_home)
    policy: RestartPolicy = field(
        default_factory=lambda: RestartPolicy(deaths=4, window_s=60.0, first_delay_s=0.1)
    )

    @property
    def folder(self) -> ProjectFolder:
        return ProjectFolder.of(self.directory)

    def describe(self, **services: dict[str, Any]) -> None:
        (self.directory / "small.json").write_text(json.dumps(services))

    def request(self, *optional: str) -> EngineRequest:
        return EngineRequest(
            project="small",
            directory=self.directory,
            home=self.home,
            services="tests.integration.lifecycle.small_services:services",
            watchers=("tests.integration.lifecycle.small_services:watchers",),
            restart=self.policy,
            optional=optional,
        )

    def up(self, events: list[Event] | None = None, *optional: str) -> EngineRequest:
        names = json.loads((self.directory / "small.json").read_text())
        return start(self.request(*optional), names, progress=(events if events is not None else []).append)

    def down(self, *, purge: bool = False) -> Stopped:
        return stop(self.folder, purge=purge)

    def record(self, name: str) -> EngineRecord:
        return next(record for record in read_engines(self.folder).engines if record.name == name)

    def process(self, name: str) -> ProcessIdentity:
        process = self.record(name).process
        assert process is not None
        return process

    def supervisor(self) -> ProcessIdentity:
        supervisor = read_engines(self.folder).supervisor
        assert supervisor is not None
        return supervisor

    def is_ready(self, name: str) -> bool:
        record = self.record(name)
        return record.state is EngineState.READY and record.runs()

    def events(self, what: str) -> list[str]:
        """Names in the order in which they did this."""
        lines = (self.directory / "events.log").read_text().splitlines()
        return [line.split()[1] for line in lines if line.split()[2] == what]

    def alive(self) -> list[ProcessIdentity]:
        return list(marked(self.directory))
