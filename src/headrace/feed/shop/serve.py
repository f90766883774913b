"""The shop's API as a running server, and the life that goes on in it meanwhile."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import uvicorn

from headrace.errors import HeadraceError
from headrace.feed.shop.api import create_app
from headrace.feed.shop.history import HISTORY_ENDS, Size, make_history
from headrace.feed.shop.life import Shop
from headrace.feed.shop.limits import Faults
from headrace.feed.shop.store import Store

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ServeOptions:
    """How the shop is served.

    Attributes:
        port: 0 takes a free one.
        history_ends: when the past ends; another moment is another past.
        key: what readers must send, None admits everybody.
        live_changes_per_s: how many rows change a second while it is read.
        late_s: how much later than its `updated_at` a change may show, as where transactions are long.
    """

    host: str = "127.0.0.1"
    port: int = 8700
    seed: int = 1
    size: Size = field(default_factory=Size)
    history_ends: datetime = HISTORY_ENDS
    key: str | None = field(default=None, repr=False)
    requests_per_s: float | None = None
    faults: Faults | None = None
    live_changes_per_s: float = 0.0
    late_s: float = 0.0


@dataclass(frozen=True)
class RunningShop:
    """A shop that is being served: its address, its rows, and how to end it."""

    url: str
    store: Store
    stop: threading.Event
    server: uvicorn.Server


@contextmanager
def serving(options: ServeOptions) -> Generator[RunningShop]:
    """The server in a thread for the length of the block; it answers when the block begins.

    Raises:
        HeadraceError: `feed-port-taken`, or `feed-serve-open` for an address others can reach without a key.
    """
    if options.host not in _LOOPBACK and options.key is None:
        raise HeadraceError(
            "feed-serve-open",
            f"{options.host} can be reached from outside and no key is asked for",
            hint="give --api-key env:NAME, or leave --host out",
        )
    store, shop = make_history(options.size, options.seed, options.history_ends)
    app = create_app(store, key=options.key, requests_per_s=options.requests_per_s, faults=options.faults)
    listener = _listen(options.host, options.port)
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=2
        )
    )
    stop = threading.Event()
    threads = [threading.Thread(target=server.run, args=([listener],), name="shop-api", daemon=True)]
    if options.live_changes_per_s:
        threads.append(threading.Thread(target=live, args=(store, shop, options, stop), daemon=True))
    for thread in threads:
        thread.start()
    try:
        while not server.started and threads[0].is_alive():
            time.sleep(0.01)
        host, port = listener.getsockname()[:2]
        yield RunningShop(f"http://{f'[{host}]' if ':' in host else host}:{port}/", store, stop, server)
    finally:
        stop.set()
        server.should_exit = True
        for thread in threads:
            thread.join(timeout=10)
        listener.close()


def live(store: Store, shop: Shop, options: ServeOptions, stop: threading.Event) -> None:
    """Let the shop live in memory until `stop`; at most `late_s` old changes show up behind newer ones."""
    source = random.Random(options.seed)  # noqa: S311
    began, changes = time.monotonic(), 0
    for transaction in shop.transactions():
        if stop.wait(max(0.0, began + changes / options.live_changes_per_s - time.monotonic())):
            return
        if not transaction.commits:
            continue
        late = timedelta(seconds=source.uniform(0, options.late_s))
        store.apply(transaction.statements, datetime.now(UTC) - late)
        changes += transaction.changes


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise HeadraceError(
            "feed-port-taken",
            f"the shop cannot listen on {host}:{port}",
            cause=error.strerror,
            hint="give another --port; 0 takes a free one",
        ) from error
    return listener
