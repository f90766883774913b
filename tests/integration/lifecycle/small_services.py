"""Services made of small servers, as `small.json` in the project directory describes them."""

from __future__ import annotations

import functools
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from headrace.engines.request import EngineRequest
from headrace.engines.service import Service
from headrace.errors import HeadraceError
from headrace.observe.watch import Alert

SERVER = Path(__file__).with_name("small_server.py")


def services(request: EngineRequest) -> tuple[Service, ...]:
    described: dict[str, dict[str, Any]] = json.loads((request.directory / "small.json").read_text())
    if "broken" in described:
        raise HeadraceError("engines-not-installed", "the engines are not installed", hint="install them")
    return tuple(_service(request, name, settings) for name, settings in described.items())


def _service(request: EngineRequest, name: str, settings: dict[str, Any]) -> Service:
    port = request.ports[name]
    events = request.directory / "events.log"
    command = [sys.executable, str(SERVER), "--name", name, "--port", str(port), "--events", str(events)]
    command += [str(part) for part in settings.get("arguments", [])]
    return Service(
        name=name,
        command=tuple(command),
        prepare=functools.partial(time.sleep, settings.get("prepare_s", 0.0)),
        ready=functools.partial(_ready, port),
        log=request.directory / ".headrace" / "logs" / f"{name}.log",
        ports={name: port},
        depends_on=tuple(settings.get("depends_on", [])),
        stop_timeout_s=settings.get("stop_timeout_s", 5.0),
        start_timeout_s=settings.get("start_timeout_s", 20.0),
    )


def _ready(port: int) -> str | None:
    with socket.socket() as client:
        client.settimeout(1.0)
        try:
            client.connect(("127.0.0.1", port))
        except OSError:
            return f"something listens on {port}"
    return None


class FlagWatcher:
    """Alerts while the file `flag` is there, raises while `raise` is."""

    name = "flag"
    interval_s = 0.1

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def check(self) -> list[Alert]:
        if (self._directory / "raise").exists():
            raise RuntimeError(" ".join(["secret", "value"]))
        if (self._directory / "flag").exists():
            return [Alert("flag-there", "the flag is there", hint="remove it", address="file:flag")]
        return []


def watchers(directory: Path) -> list[FlagWatcher]:
    return [FlagWatcher(directory)]
