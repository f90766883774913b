"""Real PostgreSQL, Kafka and Kafka Connect, started for the tests, that can be killed and started again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from headrace.engines.folder import ProjectFolder
from headrace.engines.process import Mark, ProcessIdentity, kill, spawn, terminate
from headrace.engines.stack import PORT_NAMES, endpoints, stack
from tests.running_engines import installed

PROJECT = "shop"
STARTED = ("postgres", "kafka", "connect")


class CaptureEngines:
    """The engines a row meets before Pinot, in a folder of their own.

    Attributes:
        services: what can be started, by name.
    """

    def __init__(self, started: Collection[str] = STARTED, optional: Collection[str] = ()) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="headrace-test-capture-"))
        self.directory.chmod(0o755)  # PostgreSQL runs as somebody else when we are root
        folder = ProjectFolder.of(self.directory)
        for made in (folder.root, folder.run, folder.logs):
            made.mkdir(parents=True, exist_ok=True)
        ports = _free_ports()
        installation = self.installation = installed()
        services = stack(PROJECT, self.directory, ports, installation, {"connect": 768}, optional=optional)
        self.services = {service.name: service for service in services if service.name in started}
        self._running: dict[str, tuple[ProcessIdentity, subprocess.Popen[bytes]]] = {}
        self.endpoints = endpoints(PROJECT, self.directory, ports)

    def start(self, name: str) -> None:
        """Start one engine and wait until it serves."""
        service = self.services[name]
        service.prepare()
        process = spawn(
            service.command,
            log=service.log,
            mark=Mark(name, self.directory),
            environment=service.environment,
            directory=self.directory,
            user=service.user,
        )
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None
        self._running[name] = (identity, process)
        deadline = time.monotonic() + service.start_timeout_s
        while (waiting := service.ready()) is not None:
            assert process.poll() is None, f"{name} ended: {service.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"{name} is not ready: {waiting}"
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """kill -9, and nothing else."""
        identity, process = self._running.pop(name)
        assert not kill([identity])
        process.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """SIGSTOP and SIGCONT: to look at what was committed while nothing moves."""
        self._running[name][0].send(number)

    def stop(self) -> None:
        """Stop what still runs, the last started first, and clear the folder away."""
        for name, (identity, process) in reversed(list(self._running.items())):
            service = self.services[name]
            terminate(identity, stop_signal=service.stop_signal, timeout_s=service.stop_timeout_s)
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def _free_ports() -> dict[str, int]:
    probes = [socket.socket() for _ in PORT_NAMES]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(PORT_NAMES, probes, strict=True)}
    finally:
        for probe in probes:
            probe.close()
