"""Taking an engine's jars out of a Python package: Spark's own release is complete on PyPI only.

The package is fetched by pip, so that mirrors, proxies and certificates are the user's, and is checked as a
whole before anything of it is used. It is not installed: no Python of it runs on the data path.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from headrace.engines.bound_child import bound
from headrace.engines.versions import EngineVersion, PythonArchive
from headrace.errors import HeadraceError


def take_jars(engine: EngineVersion, archive: PythonArchive, folder: Path) -> None:
    """Put the jars of `archive` that are wanted into `folder`.

    Raises:
        HeadraceError: `pip-missing`, `engine-download-failed`.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        aside = Path(name)
        _download(engine, archive, aside)
        for package in aside.glob("*.tar.gz"):
            _unpack(package, archive, folder)


def _download(engine: EngineVersion, archive: PythonArchive, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{archive.requirement} --hash=sha256:{archive.sha256}\n")
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        raise HeadraceError(
            "pip-missing",
            f"pip is needed once, to download {engine.name}",
            cause=f"{sys.executable} has no module pip",
            hint="python -m ensurepip, or install headrace into a virtual environment with pip",
        )
    answer = subprocess.run(
        bound(
            [
                *(*pip, "download", "--quiet", "--no-deps", "--no-cache-dir", "--no-binary=:all:"),
                *("--require-hashes", f"--requirement={requirements}", f"--dest={folder}"),
            ]
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        lines = [line.strip() for line in answer.stderr.splitlines() if line.strip()]
        raise HeadraceError(
            "engine-download-failed",
            f"pip could not download {archive.requirement}",
            cause=next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else None),
            hint="check the network, or the index in pip's configuration, and run again",
        )


def _unpack(package: Path, archive: PythonArchive, folder: Path) -> None:
    with tarfile.open(package) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            inside = member.isfile() and path.suffix == ".jar" and str(path.parent).endswith(archive.jars)
            source = tar.extractfile(member) if inside and archive.wants(path.name) else None
            if source is not None:
                with source, (folder / path.name).open("wb") as target:
                    shutil.copyfileobj(source, target)
