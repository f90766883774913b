from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from headrace.feed.pull.client import ApiClient, ClientOptions
from headrace.feed.pull.pull import ListOptions, PullReport
from headrace.feed.pull.session import PullSession, SessionOptions
from headrace.names import TableName
from tests.integration.feed.list_api import ListApi, served


@pytest.fixture
def connection(postgres_server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_server.recreate("feed"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def api() -> Iterator[ListApi]:
    with served(ListApi()) as api:
        yield api


@dataclass
class Puller:
    connection: psycopg.Connection
    folder: Path
    notes: list[str] = field(default_factory=list)
    client: ApiClient | None = None

    def __call__(
        self, url: str, table: str | None = "t", *, headers: dict[str, str] | None = None, **options: object
    ) -> list[PullReport]:
        known = SessionOptions.__dataclass_fields__
        session = {name: value for name, value in options.items() if name in known}
        lists = {name: value for name, value in options.items() if name not in known}
        session.setdefault("create", True)
        session.setdefault("reject_file", self.folder / "rejects.csv")
        asked = ClientOptions(
            headers=headers or {}, requests_per_s=10_000, first_wait_s=0.01, attempts=12, timeout_s=20
        )
        with ApiClient(url, asked) as self.client:
            pull = PullSession(
                self.client,
                self.connection,
                TableName.parse(table) if table else None,
                ListOptions(url=url, **lists),
                SessionOptions(**session),
                note=self.notes.append,
            )
            try:
                pull.run()
            finally:
                # The locks of a list go with the session; these tests keep theirs.
                self.connection.execute("SELECT pg_advisory_unlock_all()")
            return pull.reports()


@pytest.fixture
def pull(connection: psycopg.Connection, tmp_path: Path) -> Puller:
    return Puller(connection, tmp_path)


@pytest.fixture
def rows(connection: psycopg.Connection) -> Callable[..., list[tuple[object, ...]]]:
    def query(text: str = "SELECT * FROM t ORDER BY id") -> list[tuple[object, ...]]:
        return connection.execute(text).fetchall()

    return query
