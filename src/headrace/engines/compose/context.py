"""The folder an image is built from: the package's sources, and the engines installed on this machine."""

from __future__ import annotations

import hashlib
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

from headrace.engines.installation import engine_folder, is_finished
from headrace.engines.superset_install import is_installed, superset_folder
from headrace.engines.versions import FROM_MAVEN
from headrace.errors import HeadraceError

DOCKERFILE = Path("deploy/compose/Dockerfile")
HOME = Path("deploy/compose/home")
CERTIFICATES = Path("deploy/compose/ca")
_SOURCES = ("requirements", "src", "java", "pyproject.toml", "README.md", "deploy/compose/Dockerfile")
_LEFT_OUT = ("__pycache__", "*.egg-info")
_SAYS_NOTHING = "README.md"
"""A build wants it; what runs does not depend on it."""

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PYTHON_INSIDE = "/usr/bin/python3.11"


def source_folder() -> Path:
    """The checkout this package runs from.

    Raises:
        HeadraceError: `sources-missing` when it was installed without one.
    """
    folder = Path(__file__).resolve().parents[4]
    if not (folder / DOCKERFILE).is_file():
        raise HeadraceError(
            "sources-missing",
            "the image is built from headrace's sources, and they are not here",
            cause=f"there is no {DOCKERFILE} above {Path(__file__).parents[1]}",
            hint="run headrace from a checkout, or name an image that is built: HEADRACE_IMAGE=...",
        )
    return folder


def digest(sources: Path) -> str:
    """What an image built from this checkout can be told by: of the sources, not of what is installed."""
    found = hashlib.sha256()
    for name in _SOURCES:
        if name == _SAYS_NOTHING:
            continue
        path = sources / name
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in files:
            inside = file.relative_to(sources)
            if any(fnmatch(part, pattern) for part in inside.parts for pattern in _LEFT_OUT):
                continue
            found.update(f"{inside}\0{file.stat().st_size}\0".encode())
            found.update(file.read_bytes())
    return found.hexdigest()


def assemble(
    sources: Path, home: Path | None, target: Path, *, certificates: Path | None = None
) -> tuple[str, ...]:
    """Fill `target` with all a build reads; nothing of the checkout beside it gets into an image.

    Args:
        sources: the checkout.
        home: a HEADRACE_HOME whose finished engines are taken along; None takes none.
        target: an empty folder, best on the file system of `home`: then files are linked, not copied.
        certificates: a file of those the build must trust besides Debian's.

    Returns:
        The engines that are taken along.
    """
    for name in _SOURCES:
        path = sources / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target / name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        else:
            shutil.copy2(path, target / name)
    (target / CERTIFICATES).mkdir()
    if certificates is not None:
        for number, text in enumerate(_PEM.findall(certificates.read_text(encoding="utf-8"))):
            (target / CERTIFICATES / f"{number:03}.crt").write_text(f"{text}\n", encoding="utf-8")
    engines = target / HOME / "engines"
    engines.mkdir(parents=True)
    if home is None:
        return ()
    taken: list[str] = []
    for engine in FROM_MAVEN:
        if is_finished(engine, home):
            _link(engine_folder(engine, home), engines)
            taken.append(engine.name)
    if is_installed(home):
        _link(superset_folder(home), engines)
        _repoint(engines / superset_folder(home).name / "environment")
        taken.append("superset")
    return tuple(taken)


def _link(folder: Path, engines: Path) -> None:
    shutil.copytree(folder, engines / folder.name, symlinks=True, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> str:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
    return target


def _repoint(environment: Path) -> None:
    """Let a Python environment use the image's Python instead of this machine's."""
    for path in (environment / "bin").glob("python*"):
        path.unlink()
        path.symlink_to(_PYTHON_INSIDE)
    configuration = environment / "pyvenv.cfg"
    configuration.unlink()
    configuration.write_text(
        f"home = {Path(_PYTHON_INSIDE).parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
