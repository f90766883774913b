"""Bringing Superset onto this machine: a Python environment of its own and a metadata database to copy.

Promise: idempotent and atomic like the other engines' installation: every package is checked against the
hash-locked list in `superset_files/`, and the folder gets its name when all of it is there. Afterwards no
network is needed, and a project's first start copies the migrated metadata database instead of migrating.

The metadata database is SQLite: one process of one worker uses it, it holds nothing that cannot be made
again, and so no project needs a second PostgreSQL, nor a foreign database in the one that CDC reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.aside import alone, aside, put_in_place, require_space
from headrace.engines.installation import FINISHED, engines_folder, not_installed
from headrace.engines.maven import Progress
from headrace.engines.versions import SUPERSET
from headrace.errors import HeadraceError

FILES = Path(__file__).with_name("superset_files")
CONFIGURATION = "superset_config.py"
PYTHON = (3, 11)
"""What the list of packages is locked for."""

REQUIRED_FREE_BYTES = 2_000_000_000
_PATIENCE_S = 1800
_PIXEL = "https://apachesuperset.gateway.scarf.sh/pixel/"
_OWN_IMAGE = "/static/assets/images/favicon.png#"


@dataclass(frozen=True)
class SupersetInstallation:
    """Superset's files on this machine, complete and checked."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "environment" / "bin" / "python"

    @property
    def metadata(self) -> Path:
        """The migrated metadata database with its roles and without a user; to be copied."""
        return self.folder / "metadata.db"

    @classmethod
    def load(cls, home: Path) -> SupersetInstallation:
        """The finished installation under `home`; looks at the marker only.

        Raises:
            HeadraceError: `engines-not-installed`.
        """
        found = cls(superset_folder(home))
        if not is_installed(home):
            raise not_installed(
                f"superset {SUPERSET.version} is not in {engines_folder(home)}",
                "headrace engines install --with superset",
            )
        return found


def superset_folder(home: Path) -> Path:
    """Where Superset for the present lock file belongs."""
    return engines_folder(home) / f"{SUPERSET.folder}-{_digest()[:16]}"


def is_installed(home: Path) -> bool:
    """Whether Superset was installed to the end, and the Python it was made with is still there."""
    found = SupersetInstallation(superset_folder(home))
    marker = found.folder / FINISHED
    return (
        marker.is_file()
        and marker.read_text().strip() == _digest()
        and found.python.exists()
        and found.metadata.is_file()
    )


def install_superset(home: Path, progress: Progress) -> SupersetInstallation:
    """Install Superset if it is missing or was not finished.

    Raises:
        HeadraceError: `superset-python`, `superset-install-failed`, `disk-full`, `home-not-writable`.
    """
    with alone(home, progress):
        target = superset_folder(home)
        if is_installed(home):
            progress(f"superset {SUPERSET.version}: complete")
            return SupersetInstallation(target)
        require_space(home, REQUIRED_FREE_BYTES)
        python = _find_python()
        with aside(home) as folder:
            made = SupersetInstallation(folder)
            progress(f"superset {SUPERSET.version}: installing its Python packages (some minutes)")
            _install_packages(python, made)
            _silence(folder)
            progress(f"superset {SUPERSET.version}: preparing its metadata database")
            _make_metadata(made)
            (folder / FINISHED).write_text(_digest() + "\n")
            put_in_place(folder, target)
    progress(f"superset {SUPERSET.version}: installed, checksums agree")
    return SupersetInstallation(target)


def _digest() -> str:
    """What makes an installation another one: the packages, and what is done to them."""
    parts = [(FILES / name).read_bytes() for name in ("installer.txt", "superset.txt")]
    return hashlib.sha256(b"\0".join([*parts, _PIXEL.encode()])).hexdigest()


def _find_python() -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    name = ".".join(map(str, PYTHON))
    found = shutil.which(f"python{name}")
    if found is None:
        raise HeadraceError(
            "superset-python",
            f"Superset {SUPERSET.version} needs Python {name}",
            cause=f"this is Python {sys.version_info.major}.{sys.version_info.minor}, and python{name} is not"
            " on PATH",
            hint=f"install python{name} (with its venv module) beside the one you use",
        )
    return found


def _install_packages(python: str, made: SupersetInstallation) -> None:
    environment = made.folder / "environment"
    _run([python, "-m", "venv", str(environment)], made.folder)
    pip = [str(made.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", str(FILES / "installer.txt")], made.folder)
    _run(
        [
            *(str(environment / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(made.python)),
            *("--require-hashes", "--no-build-isolation", "--compile-bytecode"),
            *("-r", str(FILES / "superset.txt")),
        ],
        made.folder,
    )


def _silence(folder: Path) -> None:
    """Take the address of the project's visitor counter out of the page; no setting does."""
    assets = next((folder / "environment").glob("lib/python*/site-packages/superset/static/assets"))
    for script in assets.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        if _PIXEL in text:
            # A new file: this one may be a link into the installer's cache.
            script.unlink()
            script.write_text(text.replace(_PIXEL, _OWN_IMAGE), encoding="utf-8")


def _make_metadata(made: SupersetInstallation) -> None:
    """Migrate an empty database and set the roles up; it gets no user, its key is thrown away."""
    work = made.folder / "work"
    work.mkdir()
    key = work / "key"
    key.write_text(secrets.token_urlsafe(42))
    settings = {
        "metadata": str(made.metadata),
        "secret_key_file": str(key),
        "title": "headrace",
        "cookie": "session",
    }
    shutil.copy(FILES / CONFIGURATION, work)
    (work / "settings.json").write_text(json.dumps(settings))
    call = "from superset.cli.main import superset; superset()"
    for arguments in (["db", "upgrade"], ["init"]):
        _run([str(made.python), "-I", "-c", call, *arguments], work, superset_environment(work))
    with sqlite3.connect(made.metadata) as connection:
        connection.execute("VACUUM")
    connection.close()
    shutil.rmtree(work)


def superset_environment(configuration: Path) -> dict[str, str]:
    """What a process of Superset needs to know; `configuration` is the folder of its configuration file."""
    return {
        "SUPERSET_CONFIG_PATH": str(configuration / CONFIGURATION),
        "SUPERSET_HOME": str(configuration),
        "FLASK_APP": "superset.app:create_app()",
        "SCARF_ANALYTICS": "false",
        "TZ": "UTC",
    }


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    try:
        answer = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(f"{Path(command[0]).name}: {type(error).__name__}") from error
    if answer.returncode:
        lines = [line.strip() for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
        told = next((line for line in lines if "rror" in line), lines[-1] if lines else "no message")
        raise _failed(f"{' '.join(command[1:4])}: {told[:300]}")


def _failed(cause: str) -> HeadraceError:
    return HeadraceError(
        "superset-install-failed",
        f"Superset {SUPERSET.version} could not be installed",
        cause=cause,
        hint="check the network and the package index, then run: headrace engines install --with superset",
    )
