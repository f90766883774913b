"""What it takes to run one engine, as data: the definitions and the supervisor meet here.

A `Service` knows how to be started, how to tell that it is ready and how to be stopped; it starts nothing
itself. Definitions are one file per engine beside this one; `supervisor.py` is what runs them.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Service:
    """One engine's process.

    Attributes:
        name: `postgres`, `kafka`, `connect`, `zookeeper`, `pinot`.
        command: the whole argv; no secret in it, argv is readable by others.
        prepare: brings the data folder and configuration files into being; idempotent, called before each
            start.
        ready: None once the engine serves, else what is still waited for (`broker answers metadata`).
            Never raises for an engine that is merely not up yet.
        log: where stdout and stderr go, appended.
        environment: added to the supervisor's own.
        ports: name to loopback port.
        depends_on: services that must be ready first.
        heap_mb: the JVM heap (-Xmx), 0 for what is no JVM.
        user: the unprivileged account to run as when we are root; None for our own.
        stop_signal: what asks it to stop in an orderly way.
        stop_timeout_s: how long that may take before SIGKILL.
        start_timeout_s: how long it may take to get ready.
    """

    name: str
    command: tuple[str, ...]
    prepare: Callable[[], None]
    ready: Callable[[], str | None]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    depends_on: tuple[str, ...] = ()
    heap_mb: int = 0
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0
    start_timeout_s: float = 90.0
