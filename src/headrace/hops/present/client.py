"""Superset over HTTP: thin, logged in when needed, every failure mapped; no policy.

Promise: a method returns what the server said or raises HeadraceError; password and tokens stand in no error.
What is sent is idempotent on Superset's side, so it may be sent again.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

import httpx

from headrace.closing import Closing
from headrace.errors import HeadraceError

Json = dict[str, object]

ADMINISTRATOR = "admin"
PAGE = 100


class SupersetClient(Closing):
    """One Superset.

    Args:
        url: `http://127.0.0.1:8088`.
        password: the administrator's.
        timeout_s: for a call; an import of many charts takes some seconds.
    """

    def __init__(self, url: str, password: str, *, timeout_s: float = 120.0) -> None:
        self.url = url.rstrip("/")
        self._password = password
        self._headers: dict[str, str] = {}
        self._http = httpx.Client(timeout=timeout_s, trust_env=False, headers={"Accept": "application/json"})

    def close(self) -> None:
        """Give the connections back; the client is of no use afterwards."""
        self._http.close()

    def healthy(self) -> bool:
        """Whether the server says it is well; needs no login."""
        try:
            answer = self._http.get(f"{self.url}/health", timeout=5.0)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.text == "OK"

    def export(self) -> dict[str, str]:
        """Every database, dataset, chart and dashboard there is: path without the first folder to YAML."""
        answer = self._send("GET", "/api/v1/assets/export/")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return {
                name.partition("/")[2]: archive.read(name).decode()
                for name in archive.namelist()
                if not name.endswith("/")
            }

    def import_bundle(self, bundle: bytes) -> None:
        """Create or overwrite everything in the bundle, in one transaction."""
        self._send("POST", "/api/v1/assets/import/", files={"bundle": ("bundle.zip", bundle)})

    def list(self, kind: str, columns: tuple[str, ...] = ("id", "uuid")) -> list[Json]:
        """All `database`s, `dataset`s, `chart`s or `dashboard`s with these columns."""
        found: list[Json] = []
        while True:
            query = json.dumps({"page": len(found) // PAGE, "page_size": PAGE, "columns": columns})
            answer = self._document("GET", f"/api/v1/{kind}/", params={"q": _rison(query)})
            page = cast("list[Json]", answer["result"])
            found += page
            if len(page) < PAGE:
                return found

    def get(self, kind: str, number: int) -> Json:
        """One of them whole."""
        return cast(Json, self._document("GET", f"/api/v1/{kind}/{number}")["result"])

    def post(self, kind: str, document: Mapping[str, object]) -> None:
        """Make one of them."""
        self._send("POST", f"/api/v1/{kind}/", document=document)

    def put(self, kind: str, number: int, changes: Mapping[str, object]) -> None:
        """Change fields of one of them."""
        self._send("PUT", f"/api/v1/{kind}/{number}", document=changes)

    def delete(self, kind: str, number: int) -> None:
        """Delete one of them; gone already is fine."""
        self._send("DELETE", f"/api/v1/{kind}/{number}", missing=(404,))

    def chart_data(self, dataset: int, query: Mapping[str, object], form_data: Mapping[str, object]) -> Json:
        """The answer to one query of a chart, computed now; numbers with all their digits.

        Raises:
            HeadraceError: `superset-refused` with what the server says of the query.
        """
        document = {
            "datasource": {"id": dataset, "type": "table"},
            "force": True,
            "queries": [query],
            "form_data": form_data,
            "result_format": "json",
            "result_type": "full",
        }
        answer = self._send("POST", "/api/v1/chart/data", document=document)
        found = cast("dict[str, list[Json]]", json.loads(answer.content, parse_float=Decimal))["result"]
        return found[0]

    # -- transport ------------------------------------------------------------------------------------------

    def _document(self, method: str, path: str, *, params: Mapping[str, str] | None = None) -> Json:
        return cast(Json, self._send(method, path, params=params).json())

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        document: Mapping[str, object] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        missing: tuple[int, ...] = (),
    ) -> httpx.Response:
        for attempt in (1, 2):
            if not self._headers:
                self._login()
            answer = self._call(method, path, params, document, files)
            # A token lives for minutes, and none outlives a new key.
            if answer.status_code != 401 or attempt == 2:
                break
            self._headers = {}
        if answer.status_code in missing:
            return answer
        if answer.status_code >= 400:
            raise _refused(f"{method} {path}", answer)
        return answer

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        document: Mapping[str, object] | None,
        files: Mapping[str, tuple[str, bytes]] | None,
    ) -> httpx.Response:
        try:
            return self._http.request(
                method, f"{self.url}{path}", params=params, json=document, files=files, headers=self._headers
            )
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error

    def _login(self) -> None:
        credentials = {"username": ADMINISTRATOR, "password": self._password, "provider": "db"}
        answer = self._call("POST", "/api/v1/security/login", None, credentials, None)
        if answer.status_code != 200:
            raise HeadraceError(
                "superset-login",
                f"Superset at {self.url} does not let headrace in",
                cause=f"the login was answered with {answer.status_code}",
                hint="`headrace down` and `headrace up` give `admin` the password in .headrace/secrets again",
            )
        self._headers = {"Authorization": f"Bearer {answer.json()['access_token']}", "Referer": self.url}
        token = self._call("GET", "/api/v1/security/csrf_token/", None, None, None)
        if token.status_code != 200:
            self._headers = {}
            raise _refused("GET /api/v1/security/csrf_token/", token)
        self._headers["X-CSRFToken"] = token.json()["result"]


def _rison(text: str) -> str:
    """JSON of plain words and numbers as Rison, which the list calls read."""
    return (
        text.replace('"', "")
        .replace("{", "(")
        .replace("}", ")")
        .replace("[", "!(")
        .replace("]", ")")
        .replace(" ", "")
    )


def _unreachable(url: str, error: httpx.HTTPError) -> HeadraceError:
    if isinstance(error, httpx.TimeoutException):
        return HeadraceError(
            "superset-timeout",
            f"Superset at {url} did not answer in time",
            cause=type(error).__name__,
            hint="see `headrace status` and `headrace logs superset`",
        )
    return HeadraceError(
        "superset-unreachable",
        f"Superset at {url} cannot be reached",
        cause=str(error) or type(error).__name__,
        hint="start it with `headrace up`",
    )


def _refused(request: str, answer: httpx.Response) -> HeadraceError:
    return HeadraceError(
        "superset-refused",
        f"Superset refused {request} with {answer.status_code}",
        cause=_message(answer),
        hint="`headrace logs superset` says more",
    )


def _message(answer: httpx.Response) -> str | None:
    """The first thing it says is wrong; it quotes statements, which hold no row."""
    try:
        found: object = answer.json()
    except ValueError:
        return None
    document = cast(Json, found) if isinstance(found, dict) else {}
    for key in ("errors", "result"):
        listed = document.get(key)
        if isinstance(listed, list) and listed and isinstance(listed[0], dict):
            document = cast("list[Json]", listed)[0]
    told = document.get("message") or document.get("error")
    lines = (told if isinstance(told, str) else json.dumps(told)).strip().splitlines() if told else []
    return lines[0][:500] if lines else None
