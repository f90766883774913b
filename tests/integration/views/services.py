"""The engines of these tests, as their supervisor asks for them: the real ones, Spark with short batches."""

from __future__ import annotations

from dataclasses import replace

from headrace.engines import runtime
from headrace.engines.request import EngineRequest
from headrace.engines.service import Service

BATCH_MS = 20_000
"""Short, so that a test meets boundaries between batches."""


def services(request: EngineRequest) -> tuple[Service, ...]:
    """All of a project's engines."""
    return tuple(map(_short, runtime.services(request)))


def _short(service: Service) -> Service:
    if service.name != "spark":
        return service
    command = list(service.command)
    command[command.index("--batch-ms") + 1] = str(BATCH_MS)
    return replace(service, command=tuple(command))
