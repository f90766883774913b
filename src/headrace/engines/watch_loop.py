"""Calls watchers again and again and keeps `run/alerts.json` true; none of them can do any harm."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from headrace.engines.folder import ProjectFolder, write_atomically
from headrace.errors import HeadraceError
from headrace.observe.watch import Alert, Severity, Watcher

OVERDUE_S = 60.0
_FACTORY_RETRY_S = 10.0

_log = structlog.stdlib.get_logger("watch")


@dataclass(frozen=True)
class StandingAlert:
    """An alert with who raised it, and since when it stands (UTC)."""

    watcher: str
    since: datetime
    alert: Alert


@dataclass(frozen=True)
class AlertsFile:
    """The content of `run/alerts.json`."""

    version: int = 1
    alerts: tuple[StandingAlert, ...] = ()


_FILE = TypeAdapter(AlertsFile)


def read_alerts(folder: ProjectFolder) -> tuple[StandingAlert, ...]:
    """What stands, critical ones first; empty when nothing does or nothing can be read."""
    try:
        alerts = _FILE.validate_json(folder.alerts_file.read_bytes()).alerts
    except (OSError, ValidationError):
        return ()
    return tuple(
        sorted(alerts, key=lambda standing: (standing.alert.severity != Severity.CRITICAL, standing.since))
    )


@dataclass
class WatchLoop:
    """Runs every watcher in a thread of its own, so that one that hangs delays no other.

    Attributes:
        stopping: ends all threads within one check.
    """

    folder: ProjectFolder
    stopping: threading.Event
    _standing: dict[str, tuple[StandingAlert, ...]] = field(
        default_factory=dict[str, tuple[StandingAlert, ...]]
    )
    _checking_since: dict[str, float] = field(default_factory=dict[str, float])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, watchers: Iterable[Watcher]) -> None:
        for watcher in watchers:
            self._thread(f"watch-{watcher.name}", lambda watcher=watcher: self._run(watcher))

    def start_from(self, name: str, make: Callable[[], Sequence[Watcher]]) -> None:
        """Make watchers and start them; as long as making them fails, say so and try again."""

        def attempt() -> None:
            while not self.stopping.is_set():
                alerts: Sequence[Alert] = ()
                watchers: Sequence[Watcher] | None = None
                try:
                    watchers = make()
                except Exception as error:
                    alerts = [_of_error(name, error)]
                self._report(name, alerts)
                if watchers is not None:
                    self.start(watchers)
                    return
                self.stopping.wait(_FACTORY_RETRY_S)

        self._thread(f"make-{name}", attempt)

    def look_for_overdue(self) -> None:
        """Raise an alert for every check that does not come back."""
        now = time.monotonic()
        with self._lock:
            hanging = [name for name, since in self._checking_since.items() if now - since > OVERDUE_S]
        for name in hanging:
            self._report(
                name,
                [Alert("watcher-hangs", f"the watcher {name} has not come back for {OVERDUE_S:.0f} s")],
            )

    def clear(self) -> None:
        """Leave no alert behind: nothing is being looked at any more."""
        with self._lock:
            self._standing.clear()
            self._write()

    def _thread(self, name: str, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name=name, daemon=True).start()

    def _run(self, watcher: Watcher) -> None:
        name = watcher.name
        while not self.stopping.is_set():
            with self._lock:
                self._checking_since[name] = time.monotonic()
            try:
                alerts = tuple(watcher.check())
            except Exception as error:
                alerts = (_of_error(name, error),)
            with self._lock:
                del self._checking_since[name]
            self._report(name, alerts)
            self.stopping.wait(watcher.interval_s)

    def _report(self, name: str, alerts: Sequence[Alert]) -> None:
        """Replace what the watcher said before; an alert that stands keeps its `since`."""
        with self._lock:
            before = self._standing.get(name, ())
            since = {(standing.alert.code, standing.alert.address): standing.since for standing in before}
            now = datetime.now(UTC)
            after = tuple(
                StandingAlert(name, since.get((alert.code, alert.address), now), alert) for alert in alerts
            )
            if self.stopping.is_set() or after == before:
                return
            self._standing[name] = after
            self._write()
        for standing in after:
            if (standing.alert.code, standing.alert.address) not in since:
                _log.warning("alert", watcher=name, code=standing.alert.code, summary=standing.alert.summary)

    def _write(self) -> None:
        everything = tuple(standing for alerts in self._standing.values() for standing in alerts)
        try:
            write_atomically(
                self.folder.alerts_file, _FILE.dump_json(AlertsFile(alerts=everything), indent=1).decode()
            )
        except OSError as problem:
            _log.error("alerts file not written", cause=problem.strerror)


def _of_error(name: str, error: Exception) -> Alert:
    if isinstance(error, HeadraceError):
        return Alert("watcher-failed", f"{name}: {error.summary}", hint=error.hint)
    # Of an unforeseen error only the type and the place: its text could hold a value of somebody's row.
    places = [f"{Path(at.filename).name}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__)]
    _log.error("watcher failed", watcher=name, error=type(error).__name__, at=places)
    return Alert("watcher-failed", f"{name}: {type(error).__name__}", hint="see `headrace logs supervisor`")
