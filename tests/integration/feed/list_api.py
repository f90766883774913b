"""An API over a list that a test can change, in every style of paging, on a real server."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response


@dataclass
class ListApi:
    """What is served. `before` is called with the number of each request, before it is answered."""

    rows: list[Any] = field(default_factory=list)
    before: Callable[[int], None] = lambda _: None
    answers: dict[int, Response] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    size: int = 10
    total: bool = False
    url: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def planted(request: Request, call_next: Any) -> Response:
            self.requests.append(request)
            self.before(len(self.requests))
            return self.answers.pop(len(self.requests), None) or await call_next(request)

        @app.get("/offset")
        def offset(offset: int = 0) -> Response:
            return self._answer({"items": self.rows[offset : offset + self.size]})

        @app.get("/page")
        def page(page: int = 1) -> Response:
            return self._answer(self.rows[(page - 1) * self.size : page * self.size])

        @app.get("/stuck-page")
        def stuck_page() -> Response:
            return self._answer(self.rows[: self.size])

        @app.get("/cursor")
        def cursor(cursor: int = -1) -> Response:
            behind = sorted((row for row in self.rows if row["id"] > cursor), key=lambda row: row["id"])
            found = behind[: self.size]
            more = len(behind) > self.size
            return self._answer({"rows": found, "meta": {"next_cursor": found[-1]["id"] if more else None}})

        @app.get("/stuck-cursor")
        def stuck_cursor() -> Response:
            return self._answer({"rows": self.rows[: self.size], "next_cursor": "same"})

        @app.get("/link")
        def link(at: int = 0) -> Response:
            headers = {}
            if at + self.size < len(self.rows):
                headers["Link"] = f'</link?at={at + self.size}>; rel="next"'
            return self._answer(self.rows[at : at + self.size], headers)

        @app.get("/elsewhere")
        def elsewhere() -> Response:
            return self._answer({"data": self.rows, "next": "http://192.0.2.1/more"})

        @app.get("/single")
        def single() -> Response:
            return self._answer(self.rows)

        @app.get("/part")
        def part() -> Response:
            return self._answer({"rows": self.rows[: self.size], "total": len(self.rows)})

        return app

    def _answer(self, body: Any, headers: dict[str, str] | None = None) -> Response:
        return Response(json.dumps(body), media_type="application/json", headers=headers)


@contextmanager
def served(api: ListApi) -> Iterator[ListApi]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(api.app(), log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    api.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield api
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
