"""Sessions with the source for many threads at once: each has its own, all are closed together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

import psycopg

from headrace.endpoints import SourceAddress
from headrace.hops.source.client import SourceClient
from headrace.hops.source.refusal import refused
from headrace.plan.resource import Document, Resource

T = TypeVar("T")


class SourceSessions:
    """Runs work in the calling thread's own session, opened when first needed and again after a failure."""

    def __init__(self, address: SourceAddress) -> None:
        self.address = address
        self._local = threading.local()
        self._all: list[SourceClient] = []
        self._lock = threading.Lock()

    def run(self, work: Callable[[SourceClient], T]) -> T:
        """Call `work` with a session; whatever PostgreSQL says against it becomes a HeadraceError."""
        try:
            return work(self._client())
        except psycopg.Error as error:
            if isinstance(error, psycopg.OperationalError):
                self._forget()
            raise refused(error, self.address) from error

    def close(self) -> None:
        with self._lock:
            for client in self._all:
                with contextlib.suppress(psycopg.Error):
                    client.close()
            self._all.clear()
            self._local = threading.local()

    def _client(self) -> SourceClient:
        found: SourceClient | None = getattr(self._local, "client", None)
        if found is None or found.connection.closed:
            found = SourceClient.connect(self.address)
            self._local.client = found
            with self._lock:
                self._all.append(found)
        return found

    def _forget(self) -> None:
        found: SourceClient | None = getattr(self._local, "client", None)
        if found is not None:
            with contextlib.suppress(psycopg.Error):
                found.close()
            self._local.client = None


class SourceResource:
    """A resource of the source that may be used from any thread."""

    def __init__(self, sessions: SourceSessions, make: Callable[[SourceClient], Resource]) -> None:
        self._sessions = sessions
        self._make = make

    @property
    def address(self) -> str:
        return self._sessions.run(lambda client: self._make(client).address)

    @property
    def desired(self) -> Document:
        return self._sessions.run(lambda client: self._make(client).desired)

    def read(self) -> Document | None:
        return self._sessions.run(lambda client: self._make(client).read())

    def apply(self) -> None:
        self._sessions.run(lambda client: self._make(client).apply())

    def delete(self) -> None:
        self._sessions.run(lambda client: self._make(client).delete())
