"""Superset: one worker behind the loopback interface, made from the installation's migrated database."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path

from headrace.engines import secret_files
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.engines.probe import get
from headrace.engines.service import Service
from headrace.engines.superset_account import set_administrator
from headrace.engines.superset_install import CONFIGURATION, FILES, SupersetInstallation, superset_environment

PORT = "superset"
THREADS = 6
"""A browser opens six connections to a host; each may wait for Pinot."""


def superset(
    folder: ProjectFolder, project: str, book: AddressBook, installation: SupersetInstallation
) -> Service:
    """Superset with one administrator, whose password is in the project's secrets."""
    port = book.ports[PORT]
    configuration = folder.root / "config" / "superset"
    gunicorn = configuration / "gunicorn.conf.py"
    return Service(
        name="superset",
        # -I: nothing of the environment or of the project's folder is imported by accident.
        command=(
            *(str(installation.python), "-I", "-m", "gunicorn"),
            *("--config", str(gunicorn), "superset.app:create_app()"),
        ),
        prepare=lambda: _prepare(folder, project, book, installation, configuration),
        ready=lambda: waits_for(port),
        log=folder.log("superset"),
        environment=superset_environment(configuration),
        ports={PORT: port},
        start_timeout_s=180.0,
    )


def remove_data(folder: ProjectFolder) -> None:
    """Forget every dashboard, those made by hand too; Superset must have ended. Idempotent."""
    shutil.rmtree(folder.root / "data" / "superset", ignore_errors=True)


def metadata_path(folder: ProjectFolder) -> Path:
    """The project's metadata database."""
    return folder.root / "data" / "superset" / "metadata.db"


def _prepare(
    folder: ProjectFolder,
    project: str,
    book: AddressBook,
    installation: SupersetInstallation,
    configuration: Path,
) -> None:
    data = metadata_path(folder).parent
    for path in (configuration, data, folder.logs):
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    data.chmod(0o700)
    if not metadata_path(folder).exists():
        _copy_metadata(installation.metadata, metadata_path(folder))
    set_administrator(metadata_path(folder), secret_files.superset_password(folder))
    # A browser sends the cookies of one loopback port to all others. In containers all folders have one name.
    owner = project if book.contained else str(folder.directory)
    settings = {
        "metadata": str(metadata_path(folder)),
        "secret_key_file": str(secret_files.superset_key(folder)),
        "title": f"{project} · headrace",
        "cookie": f"superset_{hashlib.sha256(owner.encode()).hexdigest()[:8]}",
    }
    write_atomically(configuration / "settings.json", json.dumps(settings, indent=1))
    write_atomically(configuration / CONFIGURATION, (FILES / CONFIGURATION).read_text(encoding="utf-8"))
    write_atomically(configuration / "gunicorn.conf.py", _gunicorn(book, data))


def _gunicorn(book: AddressBook, data: Path) -> str:
    settings = {
        "bind": f"{book.bind}:{book.ports[PORT]}",
        "workers": 1,
        "worker_class": "gthread",
        "threads": THREADS,
        "timeout": 120,
        "graceful_timeout": 5,
        "keepalive": 30,
        # Only folders of ours are importable.
        "chdir": str(data),
        "worker_tmp_dir": str(data),
        "loglevel": "warning",
        "accesslog": None,
        "errorlog": "-",
    }
    return "".join(f"{name} = {value!r}\n" for name, value in settings.items())


def _copy_metadata(template: Path, target: Path) -> None:
    """Aside, then rename: a killed copy is not taken for a database."""
    aside = target.with_name("metadata.aside")
    aside.unlink(missing_ok=True)
    shutil.copyfile(template, aside)
    aside.chmod(0o600)
    connection = sqlite3.connect(aside)
    # Readers do not wait for the writer, and a small write costs no wait for the disk.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    aside.replace(target)


def waits_for(port: int) -> str | None:
    health = get(port, "/health")
    if health is None:
        return f"the web server on port {port}"
    return None if health.status_code == 200 and health.text == "OK" else "its health page"
