"""Checksums of every jar an engine consists of: written by us, checked at each installation.

A lock file has the form of `sha256sum`: one line per jar, sorted by name. `python -m headrace.engines.lock`
resolves all engines anew and rewrites the lock files of this source tree; do that after a change of
`versions.py` or of a Maven description, and read the difference before it is committed.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from headrace.engines import maven
from headrace.engines.versions import FROM_MAVEN, EngineVersion
from headrace.errors import HeadraceError

_BLOCK = 1 << 20


def lock_path(engine: EngineVersion) -> Path:
    """Where the lock of an engine lies, inside the package."""
    return maven.POM_FOLDER / f"{engine.pom}.sha256"


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def jars(folder: Path) -> list[Path]:
    """The jars of a folder by name: the one order in which they stand on a class path."""
    return sorted(folder.glob("*.jar"))


def render(folder: Path) -> str:
    """The lock of what lies in `folder`."""
    return "".join(f"{sha256(jar)}  {jar.name}\n" for jar in jars(folder))


def parse(text: str) -> dict[str, str]:
    """Jar name to digest."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def read(engine: EngineVersion) -> dict[str, str]:
    """The lock that belongs to this version of headrace."""
    return parse(lock_path(engine).read_text())


def differences(folder: Path, locked: dict[str, str]) -> list[str]:
    """What distinguishes a folder from its lock, one sentence each; empty when they agree.

    Every jar is read, not only named: 250 MB take about half a second.
    """
    present = {jar.name: jar for jar in jars(folder)}
    found = [f"{name} is missing" for name in sorted(locked.keys() - present.keys())]
    found += [f"{name} is not in the lock file" for name in sorted(present.keys() - locked.keys())]
    for name in sorted(locked.keys() & present.keys()):
        digest = sha256(present[name])
        if digest != locked[name]:
            found.append(f"{name} has sha256 {digest}, expected {locked[name]}")
    return found


def check(engine: EngineVersion, folder: Path) -> None:
    """Refuse a folder that is not, byte for byte, what the lock file says."""
    found = differences(folder, read(engine))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise HeadraceError(
            "engine-checksum-mismatch",
            f"what Maven delivered for {engine.name} {engine.version} is not what the lock file expects",
            cause=found[0] + more,
            hint=f"remove that artifact from {maven.local_repository()} and run: headrace engines install;"
            " if it stays, your Maven repository serves altered files",
        )


def main() -> None:
    """Rewrite every lock file from a fresh resolution."""
    for engine in FROM_MAVEN:
        with tempfile.TemporaryDirectory() as folder:
            maven.resolve(engine, Path(folder), lambda line: print(line, file=sys.stderr))  # noqa: T201
            lock_path(engine).write_text(render(Path(folder)))


if __name__ == "__main__":
    main()
