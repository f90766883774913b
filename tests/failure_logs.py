"""What the engines said when a test failed: the ends of their logs, and where the JVMs' threads stand.

An engine that stands still says nothing in its log; its threads do.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from headrace.engines import jdk
from headrace.engines.compose.docker import Docker
from headrace.engines.folder import ProjectFolder
from headrace.engines.record import read_engines
from headrace.errors import HeadraceError

LAST_LINES = 40
MOST_THREADS = 40
_STARTED = pytest.StashKey[float]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_STARTED] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not report.failed or call.when == "teardown":
        return report
    if call.excinfo is not None and isinstance(error := call.excinfo.value, HeadraceError):
        told = {key: value for key, value in error.as_dict().items() if value is not None}
        report.sections.append(("error", "\n".join(f"{key}: {value}" for key, value in told.items())))
    if item.get_closest_marker("compose"):
        report.sections += containers()
    elif item.get_closest_marker("engines"):
        for folder in projects(Path(tempfile.gettempdir())):
            report.sections += sections(folder, since=item.stash.get(_STARTED, 0.0))
    return report


def containers() -> list[tuple[str, str]]:
    """Name and last words of each container of headrace, also of those that have ended."""
    try:
        docker = Docker.find()
        names = docker.run("ps", "-a", "--filter", "name=^headrace-", "--format", "{{.Names}}").split()
        return [(f"logs of {name}", "\n".join(docker.log(name, LAST_LINES))) for name in names]
    except HeadraceError as error:
        return [("containers", str(error))]


def projects(place: Path) -> list[ProjectFolder]:
    """The project folders at most three levels below, as deep as pytest's own folders lie."""
    found = [path for depth in ("*", "*/*", "*/*/*") for path in place.glob(f"{depth}/.headrace")]
    folders = {ProjectFolder.of(path.parent) for path in found}
    return sorted(folders, key=lambda folder: folder.directory)


def sections(folder: ProjectFolder, since: float) -> list[tuple[str, str]]:
    """Title and text of each log, and of each JVM that runs; nothing of what ended before `since`."""
    name = folder.directory.name
    running = {
        engine.name: engine
        for engine in read_engines(folder).engines
        if engine.process and engine.process.alive()
    }
    found = [
        (f"{log.name} of {name}", "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:]))
        for log in sorted(folder.logs.glob("*.log"))
        if log.stem in running or log.stat().st_mtime >= since
    ]
    jvms = [engine for engine in running.values() if engine.heap_mb]
    return found + [(f"threads of {one.name} of {name}", threads(one.process.pid)) for one in jvms]


def threads(pid: int) -> str:
    """Where each thread stands that runs code of ours or reads a log."""
    try:
        printed = subprocess.run(
            [jdk.find().home / "bin" / "jstack", str(pid)], capture_output=True, text=True, timeout=30
        ).stdout
    except (subprocess.TimeoutExpired, OSError, HeadraceError) as error:
        return f"not known: {error}"
    told = [one for one in printed.split("\n\n") if "headrace" in one or "onsumer" in one]
    return "\n\n".join(told[:MOST_THREADS])
