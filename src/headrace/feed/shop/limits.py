"""What makes an API hard to read: limits, and on purpose failures, slow answers, answers cut short."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Bucket:
    """Admits `rate_per_s` requests, and as many at once after a pause."""

    rate_per_s: float
    _left: float = field(init=False)
    _at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._left = max(self.rate_per_s, 1.0)

    def take(self) -> float:
        """0 if the request is admitted, else the seconds until one would be."""
        with self._lock:
            now = time.monotonic()
            room = max(self.rate_per_s, 1.0)
            self._left = min(room, self._left + (now - self._at) * self.rate_per_s)
            self._at = now
            if self._left >= 1:
                self._left -= 1
                return 0.0
            return (1 - self._left) / self.rate_per_s


@dataclass(frozen=True)
class Faults:
    """A share `rate` of the answers fails: 500, 503, late by up to `slow_s`, or cut in the middle."""

    rate: float
    slow_s: float = 2.0
    seed: int = 1


class FaultMiddleware:
    """Injects faults into every answer but the OpenAPI page."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        spared = scope["type"] != "http" or scope["path"].startswith(("/docs", "/openapi.json"))
        if spared or self._random.random() >= self._faults.rate:
            await self._app(scope, receive, send)
            return
        kind = self._random.choice(("500", "503", "slow", "cut"))
        if kind == "slow":
            await asyncio.sleep(self._random.uniform(0, self._faults.slow_s))
            await self._app(scope, receive, send)
        elif kind == "cut":
            await self._app(scope, receive, _cutting(send))
        else:
            await _fail(send, int(kind))


def _cutting(send: Send) -> Send:
    """Sends half of the first piece and calls it the end: fewer bytes than were announced."""
    ended = False

    async def cut(message: Message) -> None:
        nonlocal ended
        if ended:
            return
        if message["type"] == "http.response.body":
            ended = True
            body = message.get("body", b"")
            message = {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        await send(message)

    return cut


async def _fail(send: Send, status: int) -> None:
    body = b'{"detail":"the shop failed on purpose"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
