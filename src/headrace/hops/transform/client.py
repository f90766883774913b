"""The interface of the application that runs the views in Spark: thin, every failure mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import httpx
from pydantic import BaseModel

from headrace.closing import Closing
from headrace.errors import HeadraceError, Where
from headrace.plan.resource import Document

CONNECT_TIMEOUT_S = 5.0

CHANGE_TIMEOUT_S = 300.0
"""Spark looks through a query before it takes it, and waits for one it stops: long on a busy machine."""


class JobStatus(BaseModel):
    """How a view's query stands.

    Attributes:
        state: `starting`, `running`, `restarting` or `failed`.
        code, message: what it failed of last; never a value of a row.
        start_offset: where in the table's topic its present state began.
        restarts: since the application started.
        batches: since the application started, finished with a checkpoint and followed by another.
        last_boundary_pause_ms, max_boundary_pause_ms: from the end of one batch's reading until the next one
            runs.
    """

    state: str
    code: str | None = None
    message: str | None = None
    start_offset: int = 0
    restarts: int = 0
    batches: int = 0
    last_boundary_pause_ms: float | None = None
    max_boundary_pause_ms: float | None = None


@dataclass(frozen=True)
class Job:
    """A query that Spark knows."""

    document: Document
    status: JobStatus


class SparkClient(Closing):
    """One application, by its URL.

    Args:
        url: `http://127.0.0.1:port`.
        timeout_s: for one request.
    """

    def __init__(self, url: str, *, timeout_s: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._limits = httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
        self._http = httpx.Client(base_url=self.url, trust_env=False)

    def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        self._http.close()

    def jobs(self) -> dict[str, JobStatus]:
        """Every query, by name; HeadraceError while Spark starts or does not answer."""
        answer = self._send("GET", "/views")
        self._check(answer, "views")
        found = cast("dict[str, object]", answer.json())
        return {name: JobStatus.model_validate(status) for name, status in found.items()}

    def job(self, name: str) -> Job | None:
        """One query; None when there is none of that name."""
        answer = self._send("GET", f"/views/{name}")
        if answer.status_code == 404:
            return None
        found = cast("dict[str, object]", answer.json())
        return Job(cast(Document, found["document"]), JobStatus.model_validate(found["status"]))

    def put(self, name: str, document: Mapping[str, object]) -> None:
        """Start a query; one of the same name with the same document is left alone.

        Raises:
            HeadraceError: `spark-refused`, when Spark cannot make a query of it, or has another of that name.
        """
        self._check(self._send("PUT", f"/views/{name}", document, CHANGE_TIMEOUT_S), name)

    def delete(self, name: str) -> None:
        """Stop a query and forget its state; a missing one is fine."""
        self._check(self._send("DELETE", f"/views/{name}", timeout_s=CHANGE_TIMEOUT_S), name)

    def _send(
        self,
        method: str,
        path: str,
        json: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        chosen = self._limits if timeout_s is None else httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
        try:
            return self._http.request(method, path, json=json, timeout=chosen)
        except httpx.HTTPError as error:
            raise HeadraceError(
                "spark-unreachable",
                f"Spark does not answer at {self.url}",
                cause=type(error).__name__,
                hint="`headrace status` shows whether it runs; `headrace up` starts it",
            ) from error

    def _check(self, answer: httpx.Response, name: str) -> None:
        if answer.is_success:
            return
        try:
            told = cast("dict[str, str]", answer.json())
        except ValueError:
            told = {}
        raise HeadraceError(
            "spark-refused",
            f"Spark refused the query {name}: {told.get('code', f'status {answer.status_code}')}",
            cause=told.get("message"),
            hint="see `headrace logs spark`",
            where=Where(address=f"spark:{name}"),
        )
