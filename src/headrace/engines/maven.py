"""Resolving an engine's jars with Maven and pip: the only step of an installation that needs a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

from headrace.engines import pypi
from headrace.engines.bound_child import bound
from headrace.engines.versions import EngineVersion
from headrace.errors import HeadraceError

Progress = Callable[[str], None]
"""Takes one line for people, without a newline."""

POM_FOLDER = Path(__file__).parent / "pom"

_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_LINES_KEPT = 20
_DOWNLOADS_PER_LINE = 50


def local_repository() -> Path:
    """Where Maven keeps what it has downloaded, unless its settings say otherwise."""
    return Path.home() / ".m2" / "repository"


def resolve(engine: EngineVersion, folder: Path, progress: Progress) -> None:
    """Fill `folder` with the jars of `engine`; what it holds afterwards is still to be checked.

    Raises:
        HeadraceError: `maven-missing`, `pip-missing`, `engine-download-failed`.
    """
    command = shutil.which("mvn")
    if command is None:
        raise HeadraceError(
            "maven-missing",
            "Maven is needed once, to download the engines",
            cause="there is no `mvn` on PATH",
            hint="apt-get install maven",
        )
    progress(f"{engine.name} {engine.version}: resolving with Maven")
    # Lax, because a mirror may serve no checksum beside an artifact: what decides is the lock (lock.py).
    lines = _run(
        [
            *(command, "--batch-mode", "--lax-checksums", f"--file={POM_FOLDER}/{engine.pom}.xml"),
            *(_GOAL, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"),
            *engine.maven_properties(),
        ],
        lambda count: progress(f"{engine.name} {engine.version}: {count} files downloaded"),
    )
    if lines is not None:
        raise HeadraceError(
            "engine-download-failed",
            f"Maven could not resolve {engine.name} {engine.version}",
            cause=_reason(lines),
            hint="check the network, or the mirror in ~/.m2/settings.xml, and run again: what has been"
            " downloaded is kept",
        )
    for archive in folder.glob("*.tar.gz"):
        _unpack_jars(archive, folder)
        archive.unlink()
    if engine.archive is not None:
        progress(
            f"{engine.name} {engine.version}: downloading {engine.archive.requirement} with pip (456 MB)"
        )
        pypi.take_jars(engine, engine.archive, folder)


def _run(command: list[str], downloaded: Callable[[int], None]) -> list[str] | None:
    """The last lines of a failed run, None after a good one. Maven never outlives this call."""
    count, lines = 0, list[str]()
    with subprocess.Popen(
        bound(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines = [*lines, _ESCAPES.sub("", line.rstrip())][-_LINES_KEPT:]
                if "Downloaded from" in line:
                    count += 1
                    if count % _DOWNLOADS_PER_LINE == 0:
                        downloaded(count)
        except BaseException:
            process.kill()
            raise
    return None if process.returncode == 0 else lines


def _reason(lines: list[str]) -> str:
    """Maven's first error line: the later ones explain Maven."""
    errors = [line for line in lines if line.startswith("[ERROR]")]
    return (errors or lines or ["no output"])[0].removeprefix("[ERROR]").strip()


def _unpack_jars(archive: Path, folder: Path) -> None:
    """Take the jars and licences out of a plugin archive, without its folders."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = Path(member.name).name
            wanted = name.endswith(".jar") or name.startswith(("LICENSE", "COPYRIGHT"))
            if not (wanted and member.isfile()):
                continue
            source = tar.extractfile(member)
            assert source is not None
            with source, (folder / name).open("wb") as target:
                shutil.copyfileobj(source, target)
