"""One project's engines, each started, killed and stopped as a test wants it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path

import psutil

from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import Installation
from headrace.engines.process import Mark, ProcessIdentity, kill, spawn, terminate
from headrace.engines.service import Service
from headrace.engines.stack import PORT_NAMES, endpoints, stack

PROJECT = "shop"


def free_ports(names: Sequence[str] = PORT_NAMES) -> dict[str, int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


class RunningEngines:
    """The services of one folder; `close` leaves no process."""

    def __init__(self, directory: Path, installation: Installation) -> None:
        self.folder = ProjectFolder.of(directory)
        self.folder.create(PROJECT)
        self.ports = free_ports()
        self.endpoints = endpoints(PROJECT, directory, self.ports)
        services = stack(PROJECT, directory, self.ports, installation)
        self.services: dict[str, Service] = {service.name: service for service in services}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> float:
        """Start an engine, wait until it serves; the seconds it took."""
        service = self.services[name]
        began = time.monotonic()
        service.prepare()
        process = spawn(
            service.command,
            log=service.log,
            mark=Mark(name, self.folder.directory),
            environment=service.environment,
            directory=self.folder.directory,
            user=service.user,
        )
        self.processes[name] = process
        deadline = time.monotonic() + service.start_timeout_s
        while (waiting := service.ready()) is not None:
            assert process.poll() is None, f"{name} ended:\n{service.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"{name} is not ready: {waiting}"
            time.sleep(0.1)
        return time.monotonic() - began

    def kill(self, name: str) -> None:
        """kill -9, of the engine alone."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> bool:
        """Stop an engine in order; whether it ended by itself in the time its service gives it."""
        process = self.processes.pop(name)
        service = self.services[name]
        identity = ProcessIdentity.of(process.pid)
        if identity is None:
            process.wait()
            return False
        ended = terminate(identity, stop_signal=service.stop_signal, timeout_s=service.stop_timeout_s)
        process.wait()
        return ended.orderly

    def close(self) -> None:
        for name in reversed(list(self.processes)):
            process = self.processes.pop(name)
            identity = ProcessIdentity.of(process.pid)
            if identity is not None:
                kill([identity])
            process.wait()

    def listening(self) -> dict[str, set[str]]:
        """By engine, the addresses its processes listen on."""
        return {name: _listening(psutil.Process(process.pid)) for name, process in self.processes.items()}


def _listening(process: psutil.Process) -> set[str]:
    found: set[str] = set()
    for member in [process, *process.children()]:
        # A child may end between being listed and being asked (PostgreSQL's workers come and go).
        with suppress(psutil.NoSuchProcess) if member != process else nullcontext():
            connections = member.net_connections("tcp")
            found |= {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
    return found
