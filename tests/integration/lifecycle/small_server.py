"""A real server that behaves as it is told: what the supervisor's tests run instead of an engine."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def say(events: Path, name: str, what: str) -> None:
    with events.open("a", encoding="utf-8") as file:
        file.write(f"{time.monotonic():.4f} {name} {what} {os.getpid()}\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--exit-after-s", type=float)
    parser.add_argument("--children", type=int, default=0)
    parser.add_argument("--ignore-sigterm", action="store_true")
    parser.add_argument("--chatter-bytes", type=int, default=0)
    settings = parser.parse_args()
    say(settings.events, settings.name, "started")
    print(f"{settings.name} speaks from pid {os.getpid()}", flush=True)

    def stop(_number: int, _frame: object) -> None:
        say(settings.events, settings.name, "stopping")
        if not settings.ignore_sigterm:
            sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    for _ in range(settings.children):
        # In a session of its own, as PostgreSQL's are: only its parent and its mark tell whose it is.
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, close_fds=True
        )
    if settings.exit_after_s is not None:
        time.sleep(settings.exit_after_s)
        print("cannot go on: the configuration is wrong", flush=True)
        sys.exit(7)
    time.sleep(settings.delay_s)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", settings.port))
        server.listen(16)
        say(settings.events, settings.name, "serving")
        while True:
            if settings.chatter_bytes:
                print("x" * settings.chatter_bytes, flush=True)
                server.settimeout(0.02)
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            connection.close()


if __name__ == "__main__":
    main()
