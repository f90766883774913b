"""Kafka Connect's REST interface: thin, with timeouts, every failure mapped.

Promise: a method returns what the worker said or raises HeadraceError; a missing connector is None. While
the workers rebalance they answer 409 and ask to be asked again: that is done here, for as long as
`rebalance_timeout_s`. A read that failed inside the worker is repeated a few times, as it does when a topic
is younger than the brokers' knowledge of it. Nothing else is sent twice.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import cast

import httpx

from headrace.closing import Closing
from headrace.errors import HeadraceError, Where

Json = dict[str, object]

READ_ATTEMPTS = 5
READ_PAUSE_S = 0.5
_REBALANCE_PAUSE_S = 0.2
_SECRET = re.compile(r"(?i)(password|secret|key)(\"?\s*[=:]\s*\"?)[^\s\",}]+")


class ConnectClient(Closing):
    """One cluster of Connect workers, by the URL of any of them.

    Args:
        url: `http://host:8083`.
        timeout_s: for one request. Connect itself gives up on its own work after 90 s.
        rebalance_timeout_s: how long a rebalance may take before it is an error.
    """

    def __init__(self, url: str, *, timeout_s: float = 95.0, rebalance_timeout_s: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._rebalance_timeout_s = rebalance_timeout_s
        limits = httpx.Timeout(timeout_s, connect=5.0)
        self._http = httpx.Client(base_url=self.url, timeout=limits, trust_env=False)

    def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        self._http.close()

    # -- the worker -----------------------------------------------------------------------------------------

    def worker(self) -> Json:
        """`{"version": "4.3.1", "commit": ..., "kafka_cluster_id": ...}`."""
        return cast(Json, self._ask("GET", "/"))

    def plugins(self) -> list[dict[str, str]]:
        """Every plugin, transformations included: class, type, version."""
        return cast(
            "list[dict[str, str]]", self._ask("GET", "/connector-plugins", {"connectorsOnly": "false"})
        )

    def properties(self, plugin: str) -> frozenset[str]:
        """The names of the properties a connector class declares."""
        found = self._ask("GET", f"/connector-plugins/{plugin}/config")
        return frozenset(str(entry["name"]) for entry in cast("list[Json]", found or []))

    # -- connectors -----------------------------------------------------------------------------------------

    def connectors(self) -> list[str]:
        """The names of all connectors."""
        return cast("list[str]", self._ask("GET", "/connectors"))

    def config(self, name: str) -> dict[str, str] | None:
        """Its configuration as it was given, references to secrets unresolved; None without connector."""
        return cast("dict[str, str] | None", self._ask("GET", f"/connectors/{name}/config", missing=True))

    def status(self, name: str) -> Json | None:
        """State of connector and tasks; None without connector (or before its first state is known)."""
        return cast("Json | None", self._ask("GET", f"/connectors/{name}/status", missing=True))

    def create_stopped(self, name: str, config: Mapping[str, str]) -> bool:
        """Make a connector that does nothing until `resume`; False when there is one of that name."""
        body = {"name": name, "config": dict(config), "initial_state": "STOPPED"}
        deadline = time.monotonic() + self._rebalance_timeout_s
        while True:
            answer = self._send("POST", "/connectors", None, body)
            if answer.status_code == 409 and "already exists" in answer.text:
                return False
            if not _is_rebalancing(answer):
                self._check(answer, name)
                return True
            self._pause(deadline, answer, name)

    def put_config(self, name: str, config: Mapping[str, str]) -> None:
        """Replace the configuration; the task restarts when anything in it changed."""
        self._ask("PUT", f"/connectors/{name}/config", json=dict(config))

    def resume(self, name: str) -> None:
        """Let it run, after `create_stopped`, `stop` or a pause."""
        self._ask("PUT", f"/connectors/{name}/resume")

    def stop(self, name: str) -> None:
        """Shut its task down and keep the connector; a missing one is fine."""
        self._ask("PUT", f"/connectors/{name}/stop", missing=True)

    def restart_failed(self, name: str) -> None:
        """Restart the connector and its task where they have failed."""
        query = {"includeTasks": "true", "onlyFailed": "true"}
        self._ask("POST", f"/connectors/{name}/restart", query)

    def delete(self, name: str) -> None:
        """Remove the connector; its offsets stay. A missing one is fine."""
        self._ask("DELETE", f"/connectors/{name}", missing=True)

    def offsets(self, name: str) -> list[Json]:
        """Partition and offset as committed; empty before the first."""
        found = cast("Json | None", self._ask("GET", f"/connectors/{name}/offsets", missing=True))
        return cast("list[Json]", (found or {}).get("offsets", []))

    def reset_offsets(self, name: str) -> None:
        """Forget how far it has come; it must be stopped. A missing one is fine."""
        self._ask("DELETE", f"/connectors/{name}/offsets", missing=True)

    # -- HTTP -----------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        json: object = None,
        missing: bool = False,
    ) -> object:
        deadline = time.monotonic() + self._rebalance_timeout_s
        attempts = 0
        while True:
            answer = self._send(method, path, query, json)
            attempts += 1
            if _is_rebalancing(answer):
                self._pause(deadline, answer, _connector_in(path))
                continue
            if method == "GET" and answer.status_code >= 500 and attempts < READ_ATTEMPTS:
                time.sleep(READ_PAUSE_S)
                continue
            if answer.status_code == 404 and missing:
                return None
            self._check(answer, _connector_in(path))
            return answer.json() if answer.content else None

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, json: object = None
    ) -> httpx.Response:
        try:
            return self._http.request(method, path, params=query, json=json)
        except httpx.TimeoutException as error:
            raise self._unreachable(f"no answer to {method} {path} in time") from error
        except httpx.TransportError as error:
            raise self._unreachable(str(error) or type(error).__name__) from error

    def _pause(self, deadline: float, answer: httpx.Response, name: str | None) -> None:
        if time.monotonic() > deadline:
            self._check(answer, name)
        time.sleep(_REBALANCE_PAUSE_S)

    def _check(self, answer: httpx.Response, name: str | None) -> None:
        if answer.is_success:
            return
        where = Where(address=f"connector:{name}") if name else None
        cause = _message(answer)
        if _is_rebalancing(answer):
            hint = "the workers are still rebalancing; try again in a minute, or see `headrace logs connect`"
            raise HeadraceError(
                "connect-busy", "Kafka Connect is rebalancing", cause=cause, hint=hint, where=where
            )
        if answer.status_code == 404:
            raise HeadraceError(
                "connector-missing",
                f"connector {name} does not exist",
                cause=cause,
                hint="`headrace apply` creates it",
                where=where,
            )
        if answer.status_code == 400:
            raise HeadraceError(
                "connector-refused",
                "Kafka Connect refuses the connector's configuration",
                cause=cause,
                hint="the cause names the property; a worker must have exactly.once.source.support=enabled",
                where=where,
            )
        raise HeadraceError(
            "connect-failed",
            f"Kafka Connect answered {answer.status_code}",
            cause=cause,
            hint="see `headrace logs connect`",
            where=where,
        )

    def _unreachable(self, cause: str) -> HeadraceError:
        return HeadraceError(
            "connect-unreachable",
            f"Kafka Connect does not answer at {self.url}",
            cause=cause,
            hint="`headrace status` shows whether it runs; `headrace up` starts it",
        )


def _is_rebalancing(answer: httpx.Response) -> bool:
    """409, or the 500 that Connect 4.3 gives for the same when it meets it deeper inside."""
    return answer.status_code == 409 or (answer.status_code == 500 and "rebalance" in answer.text)


def _connector_in(path: str) -> str | None:
    parts = path.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "connectors" else None


def _message(answer: httpx.Response) -> str:
    """What the worker says went wrong, without anything that looks like a secret."""
    try:
        text = str(cast(Json, answer.json()).get("message", ""))
    except ValueError:
        text = answer.text
    return _SECRET.sub(r"\1\2***", text.strip())[:2000]
