"""Pinot's controller and broker over HTTP: thin, with timeouts, every failure mapped; no policy.

Promise: a method returns what the server said or raises HeadraceError. A missing thing is None, not an error.
Only idempotent reads are repeated after a broken connection; nothing else is ever sent twice.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

import httpx

from headrace.closing import Closing
from headrace.errors import HeadraceError
from headrace.hops.serve.broker import BrokerConnections

Json = dict[str, object]

READ_ATTEMPTS = 3
READ_PAUSE_S = 0.1

AFTER_OPTION = "headraceAfter"
"""Query option of our executor: `0:123,1:99` = wait until everything below these offsets is indexed."""

NO_ROW = "__kind = 99"
"""Holds for no row, but the broker cannot know: it answers a constant filter without asking any server."""


def after_option(offsets: Mapping[int, int]) -> dict[str, str]:
    """`AFTER_OPTION` with its value, from partition to offset."""
    return {AFTER_OPTION: ",".join(f"{partition}:{offset}" for partition, offset in sorted(offsets.items()))}


class PinotClient(Closing):
    """One Pinot cluster, by the URL of a controller and of a broker.

    Args:
        controller_url: `http://host:9000`.
        broker_url: `http://host:8099`; may carry no path.
        timeout_s: for controller calls; queries state their own.
    """

    def __init__(self, controller_url: str, broker_url: str, *, timeout_s: float = 30.0) -> None:
        self.controller_url = controller_url.rstrip("/")
        self.broker_url = broker_url.rstrip("/")
        self._http = httpx.Client(timeout=timeout_s, trust_env=False)
        self._broker = BrokerConnections(self.broker_url)

    def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        self._http.close()
        self._broker.close()

    # -- controller: documents ------------------------------------------------------------------------------

    def tables(self) -> list[str]:
        """Names of all REALTIME tables, without the type suffix."""
        found = cast("dict[str, list[str]]", self._read("/tables", {"type": "realtime"}))
        return [name.removesuffix("_REALTIME") for name in found["tables"]]

    def schema(self, name: str) -> Json | None:
        """The schema document, None when there is none."""
        return cast("Json | None", self._read(f"/schemas/{name}", missing=(404,)))

    def schemas(self) -> list[str]:
        """Names of all schemas."""
        return cast("list[str]", self._read("/schemas"))

    def put_schema(self, document: Mapping[str, object]) -> None:
        """Create the schema or overwrite it; Pinot refuses changes that are not additive."""
        self._send("POST", "/schemas", document=document, params={"override": "true"})

    def delete_schema(self, name: str) -> None:
        """Remove the schema; what is gone already is fine. Pinot refuses while a table uses it."""
        self._send("DELETE", f"/schemas/{name}", missing=(404,))

    def table_config(self, name: str) -> Json | None:
        """The REALTIME table config, None when there is no such table."""
        found = cast("Json | None", self._read(f"/tables/{name}", {"type": "realtime"}, missing=(404,)))
        return cast("Json | None", (found or {}).get("REALTIME"))

    def create_table(self, document: Mapping[str, object]) -> None:
        """Create the table; its schema and its topic must exist."""
        self._send("POST", "/tables", document=document)

    def update_table(self, name: str, document: Mapping[str, object]) -> None:
        """Replace the table config."""
        self._send("PUT", f"/tables/{name}", document=document)

    def delete_table(self, name: str) -> None:
        """Delete the table and its segments at once (no days in the bin); gone already is fine."""
        self._send(
            "DELETE", f"/tables/{name}", params={"type": "realtime", "retention": "0d"}, missing=(404,)
        )

    # -- controller: state ----------------------------------------------------------------------------------

    def ideal_state(self, name: str) -> dict[str, dict[str, str]]:
        """Segment to instance to wanted state; empty when there is no table."""
        return self._state(name, "idealstate")

    def external_view(self, name: str) -> dict[str, dict[str, str]]:
        """Segment to instance to reported state; empty when there is no table."""
        return self._state(name, "externalview")

    def consuming_segments(self, name: str) -> Json | None:
        """What `consumingSegmentsInfo` says; None when there is no table."""
        return cast("Json | None", self._read(f"/tables/{name}/consumingSegmentsInfo", missing=(404,)))

    def segments(self, name: str) -> list[str]:
        """Names of all segments in the ideal state."""
        found = self._read(f"/segments/{name}", {"type": "realtime"}, missing=(404,))
        listed: list[str] = []
        for entry in cast("list[dict[str, list[str]]]", found or []):
            listed.extend(entry.get("REALTIME", []))
        return listed

    def size(self, name: str) -> Json | None:
        """What `/tables/{t}/size` says: reported and estimated bytes per segment."""
        return cast("Json | None", self._read(f"/tables/{name}/size", {"detailed": "true"}, missing=(404,)))

    def debug(self, name: str) -> list[Json]:
        """What `/debug/tables/{t}` says: segments in error with their messages."""
        found = self._read(f"/debug/tables/{name}", {"type": "REALTIME", "verbosity": "0"}, missing=(404,))
        return cast("list[Json]", found or [])

    def reload(self, name: str) -> None:
        """Ask the servers to rebuild indexes of committed segments in the background."""
        self._send("POST", f"/segments/{name}/reload", params={"type": "REALTIME"})

    def force_commit(self, name: str) -> None:
        """Ask that the consuming segments be committed now; returns before they are."""
        self._send("POST", f"/tables/{name}/forceCommit")

    # -- broker ---------------------------------------------------------------------------------------------

    def query(self, sql: str, options: Mapping[str, str] | None = None, *, timeout_s: float = 10.0) -> Json:
        """The broker's answer as it stands, errors inside it included: reading it is the caller's work.

        Args:
            sql: in Pinot's dialect.
            options: query options (`SET name = value`); no `;` and no `=` in them.
            timeout_s: for Pinot (`timeoutMs`), with a little more for the connection.
        """
        # Decimals are printed as JSON numbers: read as floats they would lose digits.
        return cast(
            Json, json.loads(self.query_bytes(sql, options, timeout_s=timeout_s), parse_float=Decimal)
        )

    def query_bytes(
        self, sql: str, options: Mapping[str, str] | None = None, *, timeout_s: float = 10.0
    ) -> bytes:
        """The same, unread: for who parses large answers in a way of his own."""
        chosen = {"timeoutMs": str(int(timeout_s * 1000)), **(options or {})}
        body = {"sql": sql, "queryOptions": ";".join(f"{key}={value}" for key, value in chosen.items())}
        try:
            status, content = self._broker.post("/query/sql", json.dumps(body).encode(), timeout_s + 5.0)
        except (OSError, http.client.HTTPException) as error:
            in_time = not isinstance(error, TimeoutError)
            raise _unreachable("broker", self.broker_url, error, in_time=in_time) from error
        if status != 200:
            raise _refused("broker", "POST /query/sql", status, content.decode("utf-8", errors="replace"))
        return content

    # -- transport ------------------------------------------------------------------------------------------

    def _state(self, name: str, kind: str) -> dict[str, dict[str, str]]:
        found = cast(
            "Json | None", self._read(f"/tables/{name}/{kind}", {"tableType": "realtime"}, missing=(404,))
        )
        return cast("dict[str, dict[str, str]]", (found or {}).get("REALTIME") or {})

    def _read(
        self, path: str, params: Mapping[str, str] | None = None, *, missing: tuple[int, ...] = ()
    ) -> object:
        for attempt in range(READ_ATTEMPTS):
            try:
                return self._send("GET", path, params=params, missing=missing)
            except HeadraceError as error:
                if error.code != "pinot-unreachable" or attempt == READ_ATTEMPTS - 1:
                    raise
                time.sleep(READ_PAUSE_S)
        raise AssertionError("unreachable")

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        document: Mapping[str, object] | None = None,
        missing: tuple[int, ...] = (),
    ) -> object:
        try:
            answer = self._http.request(method, f"{self.controller_url}{path}", params=params, json=document)
        except httpx.HTTPError as error:
            in_time = not isinstance(error, httpx.TimeoutException)
            raise _unreachable("controller", self.controller_url, error, in_time=in_time) from error
        if answer.status_code in missing:
            return None
        if answer.status_code >= 400:
            raise _refused("controller", f"{method} {path}", answer.status_code, answer.text)
        return answer.json() if answer.content else None


def _unreachable(role: str, url: str, error: Exception, *, in_time: bool) -> HeadraceError:
    if not in_time:
        return HeadraceError(
            "pinot-timeout",
            f"Pinot's {role} at {url} did not answer in time",
            cause=type(error).__name__,
            hint="see `headrace status`; a longer --timeout may help",
        )
    return HeadraceError(
        "pinot-unreachable",
        f"Pinot's {role} at {url} cannot be reached",
        cause=str(error) or type(error).__name__,
        hint="start it with `headrace up`; `headrace status` shows how it is",
    )


def _refused(role: str, request: str, status: int, text: str) -> HeadraceError:
    cause = text.strip().splitlines()
    return HeadraceError(
        "pinot-refused",
        f"Pinot's {role} refused {request} with {status}",
        cause=cause[0][:500] if cause else None,
        hint="`headrace logs pinot` has the whole message",
    )
