"""Superset alone, started as the supervisor starts it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from headrace.engines import secret_files
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder
from headrace.engines.process import Mark, ProcessIdentity, kill, spawn, terminate
from headrace.engines.service import Service
from headrace.engines.superset import superset
from headrace.engines.superset_install import SupersetInstallation
from tests.integration.engines.running import free_ports


@dataclass
class RunningSuperset:
    """One Superset of one project folder."""

    folder: ProjectFolder
    service: Service
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.ports['superset']}"

    @property
    def password(self) -> str:
        return secret_files.superset_password(self.folder)

    def start(self) -> float:
        """Start it, wait until it serves; the seconds it took."""
        began = time.monotonic()
        self.service.prepare()
        self.process = spawn(
            self.service.command,
            log=self.service.log,
            mark=Mark("superset", self.folder.directory),
            environment=self.service.environment,
            directory=self.folder.directory,
        )
        while (waiting := self.service.ready()) is not None:
            assert self.process.poll() is None, f"ended:\n{self.service.log.read_text()[-3000:]}"
            assert time.monotonic() - began < self.service.start_timeout_s, waiting
            time.sleep(0.1)
        return time.monotonic() - began

    def stop(self) -> bool:
        """Stop it in order; whether it ended by itself."""
        assert self.process is not None
        identity = ProcessIdentity.of(self.process.pid)
        assert identity is not None
        ended = terminate(
            identity, stop_signal=self.service.stop_signal, timeout_s=self.service.stop_timeout_s
        )
        self.process.wait()
        self.process = None
        return ended.orderly

    def kill(self) -> None:
        """kill -9 of all of it."""
        for process in self.processes():
            identity = ProcessIdentity.of(process.pid)
            if identity is not None:
                kill([identity])
        if self.process is not None:
            self.process.wait()
            self.process = None

    def processes(self) -> list[psutil.Process]:
        """Master and worker."""
        if self.process is None:
            return []
        master = psutil.Process(self.process.pid)
        return [master, *master.children(recursive=True)]

    def pss_mb(self) -> float:
        return sum(process.memory_full_info().pss for process in self.processes()) / 2**20


@contextmanager
def running_superset(directory: Path, installation: SupersetInstallation) -> Generator[RunningSuperset]:
    """A started Superset; at the end nothing of it runs."""
    folder = ProjectFolder.of(directory)
    folder.create("shop")
    running = RunningSuperset(
        folder, superset(folder, "shop", AddressBook(free_ports(["superset"])), installation)
    )
    try:
        running.start()
        yield running
    finally:
        running.kill()
