"""What `up` asks of the supervisor: written to `run/request.json`, read by a process that outlives `up`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import TypeAdapter, ValidationError

from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.engines.service import Service
from headrace.errors import HeadraceError
from headrace.observe.watch import Watcher


@dataclass(frozen=True)
class RestartPolicy:
    """When an engine that died is started again, and when that stops.

    Attributes:
        deaths: so many deaths within `window_s` make it `failed`.
        late_starts: so many starts in a row that took too long do, too.
        first_delay_s: before the first new start; doubled for each further death, up to `longest_delay_s`.
    """

    deaths: int = 5
    window_s: float = 300.0
    late_starts: int = 3
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0

    def delay_s(self, deaths: int) -> float:
        """The pause after the n-th death within the window."""
        return min(self.first_delay_s * 2.0 ** (max(deaths, 1) - 1), self.longest_delay_s)


@dataclass(frozen=True)
class EngineRequest:
    """Which engines to run, and how.

    Attributes:
        directory: the project's, resolved.
        home: what projects share (`HEADRACE_HOME`).
        ports: by the names the services know them by.
        heaps: JVM heap in MB by engine; missing ones get their default.
        embedded_source: whether PostgreSQL is one of the engines or somebody's own server.
        optional: engines that only some projects need, by name (`stack.OPTIONAL`).
        services: `module:function` that makes the services of a request.
        watchers: `module:function`s that make the watchers of a project directory.
    """

    project: str
    directory: Path
    home: Path
    services: str
    ports: dict[str, int] = field(default_factory=dict[str, int])
    heaps: dict[str, int] = field(default_factory=dict[str, int])
    embedded_source: bool = True
    optional: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    restart: RestartPolicy = RestartPolicy()

    def build_services(self) -> tuple[Service, ...]:
        """The services; starts nothing.

        Raises:
            HeadraceError: whatever the definitions find missing, for instance an installation.
        """
        make = cast(Callable[[EngineRequest], Sequence[Service]], _named(self.services))
        services = tuple(make(self))
        names = [service.name for service in services]
        if len(set(names)) != len(names):
            raise ValueError(f"two services of one name among {names}")
        for service in services:
            if unknown := set(service.depends_on) - set(names):
                raise ValueError(f"{service.name} depends on unknown {sorted(unknown)}")
        return services

    def build_watchers(self, name: str) -> tuple[Watcher, ...]:
        """The watchers one of `self.watchers` makes."""
        make = cast(Callable[[Path], Sequence[Watcher]], _named(name))
        return tuple(make(self.directory))


_REQUEST = TypeAdapter(EngineRequest)


def write_request(folder: ProjectFolder, request: EngineRequest) -> None:
    """Replace what was asked before."""
    write_atomically(folder.request_file, _REQUEST.dump_json(request, indent=1).decode())


def read_request(folder: ProjectFolder) -> EngineRequest:
    """What was asked last.

    Raises:
        HeadraceError: `not-up` when nothing was, `request-unreadable` when it cannot be understood.
    """
    try:
        return _REQUEST.validate_json(folder.request_file.read_bytes())
    except OSError:
        raise HeadraceError(
            "not-up", f"nothing was started in {folder.directory}", hint="run `headrace up`"
        ) from None
    except ValidationError as error:
        raise HeadraceError(
            "request-unreadable",
            f"{folder.request_file} cannot be understood",
            cause=str(error.errors()[0]["msg"]),
            hint="run `headrace down`, then `headrace up`",
        ) from None


def _named(name: str) -> object:
    module, _, attribute = name.partition(":")
    return cast(object, getattr(importlib.import_module(module), attribute))
