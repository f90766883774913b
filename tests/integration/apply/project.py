"""A project on real engines, as its owner uses it: the file, the source, the command, the answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from headrace.apply.project import Project, open_project
from headrace.endpoints import Endpoints
from headrace.engines.folder import ProjectFolder
from headrace.engines.watch_loop import read_alerts
from headrace.names import TableName
from headrace.observe.tables import table_status

CATALOGUE = """
SELECT 'identity ' || oid::regclass || ' ' || relreplident::text FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
UNION ALL SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots
UNION ALL SELECT 'table ' || oid::regclass FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
ORDER BY 1
"""


@dataclass(frozen=True)
class RunningProject:
    """One folder with engines that run."""

    directory: Path
    name: str

    @property
    def endpoints(self) -> Endpoints:
        return open_project(self.directory).endpoints

    def declare(self, *tables: str) -> Project:
        """Write headrace.yaml; a table is a name, or a whole entry of the mapping (`orders: {key: [a]}`)."""
        entries = "".join(f"  {table if ':' in table else table + ':'}\n" for table in tables)
        (self.directory / "headrace.yaml").write_text(f"project: {self.name}\ntables:\n{entries}")
        return open_project(self.directory)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(**open_project(self.directory).endpoints.source.conninfo(), autocommit=True)

    def execute(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def source(self, query: str) -> list[tuple[object, ...]]:
        with self.connect() as connection:
            return connection.execute(query).fetchall()

    def catalogue(self) -> list[str]:
        """Everything in PostgreSQL that headrace could have changed."""
        return [str(row[0]) for row in self.source(CATALOGUE)]

    def served(self, query: str) -> list[tuple[object, ...]]:
        """Pinot's answer with all that is committed by now in it."""
        found = open_project(self.directory).query(query, up_to_now=True)
        return [tuple(row) for row in found.rows]

    def same(self, table: str, columns: str = "id, note") -> None:
        """Both sides hold the same rows."""
        query = f"SELECT {columns} FROM {table} ORDER BY id LIMIT 10000"
        assert self.served(query) == self.source(query)

    def journal(self) -> Callable[[], list[dict[str, object]]]:
        """What gives the lines written since it was called last; at first, since now.

        Asked every few milliseconds beside an apply: it must cost nothing where nothing is new.
        """
        path = self.directory / ".headrace" / "journal.jsonl"
        read_bytes = path.stat().st_size if path.exists() else 0

        def new() -> list[dict[str, object]]:
            nonlocal read_bytes
            if not path.exists() or path.stat().st_size == read_bytes:
                return []
            with path.open("rb") as file:
                file.seek(read_bytes)
                whole, newline, _ = file.read().rpartition(b"\n")
            read_bytes += len(whole) + len(newline)
            return [json.loads(line) for line in whole.splitlines()]

        return new

    def command(self, *arguments: str) -> subprocess.Popen[bytes]:
        program = "from headrace.cli.main import run; run()"
        return subprocess.Popen(
            [sys.executable, "-c", program, "-C", str(self.directory), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"NO_COLOR": "1"},
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end: exit code and stdout."""
        process = self.command(*arguments)
        answer, told = process.communicate(timeout=300)
        assert process.returncode in (0, 1, 3, 5), told.decode()
        return process.returncode, answer.decode()

    def alerts(self) -> dict[str, str]:
        """What stands, by code, from the file that `headrace status` reads: asked again and again."""
        found = read_alerts(ProjectFolder.of(self.directory))
        return {one.alert.code: one.alert.summary for one in found}

    def status(self) -> dict[str, Any]:
        """What `headrace status` says."""
        return json.loads(self.run("status", "--json")[1])

    def kill_when(self, seen: Callable[[dict[str, object]], bool], *arguments: str) -> bool:
        """Run a command and kill -9 it once its journal holds such a line; False when it ended before."""
        new = self.journal()
        process = self.command(*arguments)
        try:
            while process.poll() is None:
                if any(seen(line) for line in new()):
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    return True
                time.sleep(0.005)
            return False
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def inexact(self) -> dict[str, tuple[str, ...]]:
        """Why each live table is not exact, as `headrace status` says it."""
        with open_project(self.directory).connections() as connections:
            found = table_status(self.name, connections.pinot, connections.kafka)
        return {one.name: one.inexact for one in found if one.status == "live"}

    def generations(self, table: str) -> dict[int, str]:
        """Capture number to status of every generation of a table in Pinot."""
        wanted = TableName.parse(table)
        with open_project(self.directory).connections() as connections:
            found = connections.systems.inventory.served()
        return {one.capture: str(one.status) for one in found if one.table == wanted}
