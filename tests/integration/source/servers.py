"""Real PostgreSQL servers of several versions, with whatever settings a test needs.

The embedded one and Debian's 15; 14, 16 and 17 where HEADRACE_TEST_POSTGRES names the folder that
`script/more-postgres` filled.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from headrace.endpoints import SourceAddress
from tests.temporary_postgres import BIN

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
MORE = os.environ.get("HEADRACE_TEST_POSTGRES")
BINARIES = {
    "18": BIN,
    "15": DEBIAN_15,
    **({version: Path(MORE) / version / "bin" for version in ("14", "16", "17")} if MORE else {}),
}
OWNER = "0f" * 16
"""The id of a project folder, as a publication says it."""

CERTIFICATE = "server.crt"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "fsync": "off",
    "shared_buffers": "32MB",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
}


@dataclass(frozen=True)
class Server:
    """A running server; `folder` holds its data, `stop_for` has it away for so many seconds."""

    version: str
    port: int
    folder: Path
    stop_for: Callable[[float], None]

    def skip_before(self, version: int, what: str) -> None:
        """Leave the running test out where the server has no such thing yet."""
        if int(self.version) < version:
            pytest.skip(f"PostgreSQL {self.version} knows no {what}")

    def address(self, database: str, user: str = "admin", password: str = "secret") -> SourceAddress:
        return SourceAddress("127.0.0.1", self.port, database, user, password, Path("unused"))

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user="admin",
            autocommit=True,
            password="secret",
        )

    def recreate(self, database: str) -> SourceAddress:
        with self.admin() as connection:
            name = sql.Identifier(database)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        return self.address(database)


def _account() -> str | None:
    return "postgres" if os.geteuid() == 0 else None


def identity() -> dict[str, object]:
    account = _account()
    if account is None:
        return {}
    return {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder() -> Path:
    """An empty folder the server's account owns."""
    made = Path(tempfile.mkdtemp(prefix="headrace-test-source-"))
    account = _account()
    if account:
        os.chown(made, pwd.getpwnam(account).pw_uid, pwd.getpwnam(account).pw_gid)
    return made


def run(binary: Path, *arguments: str | Path, cwd: Path) -> None:
    subprocess.run([binary, *arguments], check=True, capture_output=True, cwd=cwd, **identity())


def self_signed(place: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1, made in a folder of the server's account."""
    key, certificate = place / "server.key", place / CERTIFICATE
    run(
        Path("openssl"),
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=headrace test"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        cwd=place,
    )
    return key, certificate


@contextmanager
def running(
    version: str, settings: Mapping[str, str] | None = None, data: Path | None = None, tls: bool = False
) -> Iterator[Server]:
    """A server of its own, superuser `admin`; with `data` on that folder instead of a new one.

    With `tls` it has a certificate, CERTIFICATE in its folder, which is also the authority that signed it.
    """
    binaries = BINARIES[version]
    place = folder() if data is None else data.parent
    if data is None:
        data = place / "data"
        arguments = ("-D", data, "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        run(binaries / "initdb", *arguments, cwd=place)
    port = free_port()
    chosen = {
        **SETTINGS,
        "port": str(port),
        **(settings or {}),
    }
    if tls:
        key, certificate = self_signed(place)
        chosen |= {"ssl": "on", "ssl_key_file": str(key), "ssl_cert_file": str(certificate)}
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    log = (place / "log").open("ab")
    lives: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [binaries / "postgres", "-D", data, *options]
        lives.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=place, **identity()))
        _wait(server, lives[-1])

    def stop() -> None:
        lives[-1].send_signal(signal.SIGINT)
        lives[-1].wait(timeout=30)

    def stop_for(seconds: float) -> None:
        stop()
        time.sleep(seconds)
        start()

    server = Server(version, port, place, stop_for)
    try:
        start()
        yield server
    finally:
        stop()
        log.close()
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def installed(version: str, tls: bool = False) -> Iterator[Server]:
    """A server of its own; the running test is left out where that version is not installed."""
    if not (BINARIES[version] / "postgres").exists():
        pytest.skip(f"PostgreSQL {version} is not installed")
    with running(version, tls=tls) as found:
        yield found


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            server.admin().close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def as_user(address: SourceAddress, user: str, password: str = "secret") -> SourceAddress:
    return replace(address, user=user, password=password)
