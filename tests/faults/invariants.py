"""A workload under which any wrong answer shows at once, and readers that look for one.

The table holds a fixed set of keys. Every update touches one row and raises its version by one, moves it to
another group and changes its payload; its weight never changes. So in every answer, at every moment: the
count is the number of keys, the sum of weights is fixed, the counts of the groups add up to the number of
keys, a key is there exactly once, and its version never goes back for the same reader and is never above
what was committed. A transaction of several rows would break none of these, wherever it is cut.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from headrace.apply.project import Project
from headrace.errors import HeadraceError
from headrace.hops.serve.client import PinotClient
from headrace.hops.serve.query import QueryClient

TABLE = "accounts"
GROUPS = 8
WEIGHT = 7
BATCH = 30
POLL_PAUSE_S = 0.02
"""Between two questions of a reader: six that never pause leave the writer no processor to keep its pace."""


def create_accounts(connection: psycopg.Connection, keys: int) -> None:
    connection.execute(
        f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, version bigint NOT NULL, grp integer NOT NULL,"
        " weight integer NOT NULL, payload text)"
    )
    connection.execute(
        f"INSERT INTO {TABLE} SELECT n, 0, n %% {GROUPS}, {WEIGHT}, NULL FROM generate_series(1, %s) n",
        (keys,),
    )


@dataclass
class Writer:
    """Thirty updates a transaction at a steady pace; `started[k]` is the highest version begun."""

    connection: psycopg.Connection
    keys: int
    updates_per_s: float
    seed: int = 1
    started: dict[int, int] = field(default_factory=dict)
    committed: int = 0

    def run(self, stop: threading.Event) -> None:
        source, began = random.Random(self.seed), time.monotonic()
        while not stop.is_set():
            due = began + self.committed / self.updates_per_s
            stop.wait(max(0.0, due - time.monotonic()))
            keys = [source.randint(1, self.keys) for _ in range(BATCH)]
            for key in keys:
                self.started[key] = self.started.get(key, 0) + 1
            with self.connection.transaction(), self.connection.cursor() as cursor:
                cursor.executemany(
                    f"UPDATE {TABLE} SET version = version + 1, grp = %s, payload = %s WHERE id = %s",
                    [(source.randrange(GROUPS), "x" * source.randrange(60), key) for key in keys],
                )
            self.committed += BATCH


@dataclass
class Findings:
    """What all readers saw: `wrong` must stay empty; `unanswered` are queries that failed as they should."""

    wrong: list[str] = field(default_factory=list)
    answered: dict[str, int] = field(default_factory=dict)
    unanswered: dict[str, int] = field(default_factory=dict)
    longest_silence_s: float = 0.0


class Readers:
    """Threads that poll one kind of question each, and remember what they saw across failures."""

    def __init__(self, project: Project, writer: Writer) -> None:
        self._project = project
        self._writer = writer
        self._seen: dict[int, int] = {}
        self._highest = 0
        self.findings = Findings()
        self.kinds: dict[str, Callable[[QueryClient], str | None]] = {
            "count": self._count,
            "filtered count": self._filtered_count,
            "sum": self._sum,
            "groups": self._groups,
            "one key": self._one_key,
            "max": self._max,
        }

    def threads(self, stop: threading.Event) -> list[threading.Thread]:
        return [
            threading.Thread(target=self._poll, args=(name, ask, stop), name=name, daemon=True)
            for name, ask in self.kinds.items()
        ]

    def _poll(self, name: str, ask: Callable[[QueryClient], str | None], stop: threading.Event) -> None:
        ends, last = self._project.endpoints, time.monotonic()
        with PinotClient(ends.pinot_controller_url, ends.pinot_broker_url) as pinot:
            query = QueryClient(pinot, self._project.name)
            while not stop.is_set():
                try:
                    wrong = ask(query)
                except HeadraceError as error:
                    key = f"{name}: {error.code}"
                    self.findings.unanswered[key] = self.findings.unanswered.get(key, 0) + 1
                    time.sleep(0.05)
                    continue
                now = time.monotonic()
                self.findings.longest_silence_s = max(self.findings.longest_silence_s, now - last)
                last = now
                self.findings.answered[name] = self.findings.answered.get(name, 0) + 1
                if wrong is not None:
                    self.findings.wrong.append(f"{name}: {wrong}")
                time.sleep(POLL_PAUSE_S)

    def _count(self, query: QueryClient) -> str | None:
        return self._equals(query.run(f"SELECT COUNT(*) FROM {TABLE}").rows[0][0], self._writer.keys)

    def _filtered_count(self, query: QueryClient) -> str | None:
        found = query.run(f"SELECT COUNT(*) FROM {TABLE} WHERE version >= 0").rows[0][0]
        return self._equals(found, self._writer.keys)

    def _sum(self, query: QueryClient) -> str | None:
        return self._equals(
            query.run(f"SELECT SUM(weight) FROM {TABLE}").rows[0][0], WEIGHT * self._writer.keys
        )

    def _groups(self, query: QueryClient) -> str | None:
        rows = query.run(f"SELECT grp, COUNT(*), SUM(weight) FROM {TABLE} GROUP BY grp LIMIT 100").rows
        if sum(int(row[2]) for row in rows) != WEIGHT * self._writer.keys:  # type: ignore[call-overload]
            return f"weights {rows}"
        return self._equals(sum(int(row[1]) for row in rows), self._writer.keys)  # type: ignore[call-overload]

    def _one_key(self, query: QueryClient) -> str | None:
        key = random.randint(1, min(self._writer.keys, 200))
        rows = query.run(f"SELECT id, version, weight FROM {TABLE} WHERE id = {key}").rows
        bound = self._writer.started.get(key, 0)
        if len(rows) != 1:
            return f"key {key} is there {len(rows)} times"
        version = int(rows[0][1])  # type: ignore[call-overload]
        known, self._seen[key] = self._seen.get(key, 0), max(version, self._seen.get(key, 0))
        if version < known:
            return f"key {key} went back from version {known} to {version}"
        if version > bound or rows[0][2] != WEIGHT:
            return f"key {key} shows {rows[0]}, at most version {bound} was written"
        return None

    def _max(self, query: QueryClient) -> str | None:
        found = int(query.run(f"SELECT MAX(version) FROM {TABLE}").rows[0][0])  # type: ignore[call-overload]
        known, self._highest = self._highest, max(found, self._highest)
        return f"the highest version went back from {known} to {found}" if found < known else None

    @staticmethod
    def _equals(found: object, wanted: int) -> str | None:
        return None if found == wanted else f"{found} instead of {wanted}"
