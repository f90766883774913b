"""Calls watchers again and again and keeps `run/alerts.json` true; none of them can do any harm."""

from __future__ import annotations

import dataclasses
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
    """The content of `run/alerts.json`.

    Attributes:
        alerts: what stands.
        looked: the watchers whose last look succeeded; of the others it is not known what they would say.
    """

    version: int = 1
    alerts: tuple[StandingAlert, ...] = ()
    looked: tuple[str, ...] = ()


_FILE = TypeAdapter(AlertsFile)


_BLIND = ("watcher-failed", "watcher-hangs")
"""What is said of a watcher itself, not by it."""


def read_alerts_file(folder: ProjectFolder) -> AlertsFile:
    """What stands, critical ones first, and who has looked; nothing where nothing can be read."""
    try:
        found = _FILE.validate_json(folder.alerts_file.read_bytes())
    except (OSError, ValidationError):
        return AlertsFile()
    alerts = sorted(found.alerts, key=lambda one: (one.alert.severity != Severity.CRITICAL, one.since))
    return dataclasses.replace(found, alerts=tuple(alerts))


def read_alerts(folder: ProjectFolder) -> tuple[StandingAlert, ...]:
    """What stands, critical ones first; empty when nothing does or nothing can be read."""
    return read_alerts_file(folder).alerts


@dataclass
class WatchLoop:
    """Runs every watcher in a thread of its own, so that one that hangs delays no other.

    What a watcher said stands until it has looked again: that nobody can look settles nothing.

    Attributes:
        stopping: ends all threads within one check.
    """

    folder: ProjectFolder
    stopping: threading.Event
    _standing: dict[str, tuple[StandingAlert, ...]] = field(
        default_factory=dict[str, tuple[StandingAlert, ...]]
    )
    _looked: set[str] = field(default_factory=set[str])
    _checking_since: dict[str, float] = field(default_factory=dict[str, float])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, watchers: Iterable[Watcher]) -> None:
        for watcher in watchers:
            self._thread(f"watch-{watcher.name}", lambda watcher=watcher: self._run(watcher))

    def start_from(self, name: str, make: Callable[[], Sequence[Watcher]]) -> None:
        """Make watchers and start them; as long as making them fails, say so and try again."""

        def attempt() -> None:
            while not self.stopping.is_set():
                try:
                    watchers = make()
                except Exception as error:
                    self._blind(name, _of_error(name, error))
                    self.stopping.wait(_FACTORY_RETRY_S)
                    continue
                self._report(name, ())
                self.start(watchers)
                return

        self._thread(f"make-{name}", attempt)

    def look_for_overdue(self) -> None:
        """Raise an alert for every check that does not come back."""
        now = time.monotonic()
        with self._lock:
            hanging = [name for name, since in self._checking_since.items() if now - since > OVERDUE_S]
        for name in hanging:
            overdue = f"the watcher {name} has not come back for {OVERDUE_S:.0f} s"
            self._blind(name, Alert("watcher-hangs", overdue))

    def take_over(self) -> None:
        """Let stand what an earlier supervisor's watchers said last, until they have looked again."""
        with self._lock:
            for one in read_alerts(self.folder):
                if one.alert.code not in _BLIND:
                    self._standing[one.watcher] = (*self._standing.get(one.watcher, ()), one)
            self._write()

    def clear(self) -> None:
        """Leave no alert behind: nothing is being looked at any more."""
        with self._lock:
            self._standing.clear()
            self._looked.clear()
            self._write()

    def _thread(self, name: str, target: Callable[[], None]) -> None:
        threading.Thread(target=target, name=name, daemon=True).start()

    def _run(self, watcher: Watcher) -> None:
        name = watcher.name
        while not self.stopping.is_set():
            with self._lock:
                self._checking_since[name] = time.monotonic()
            alerts: tuple[Alert, ...] = ()
            failed: Alert | None = None
            try:
                alerts = tuple(watcher.check())
            except Exception as error:
                failed = _of_error(name, error)
            with self._lock:
                del self._checking_since[name]
            if failed is None:
                self._report(name, alerts)
            else:
                self._blind(name, failed)
            self.stopping.wait(watcher.interval_s)

    def _blind(self, name: str, why: Alert) -> None:
        """Say why a watcher cannot look; what it said before stands."""
        with self._lock:
            said = [one.alert for one in self._standing.get(name, ()) if one.alert.code not in _BLIND]
            self._replace(name, [*said, why], looked=False)

    def _report(self, name: str, alerts: Sequence[Alert]) -> None:
        """Replace what the watcher said before."""
        with self._lock:
            self._replace(name, alerts, looked=True)

    def _replace(self, name: str, alerts: Sequence[Alert], *, looked: bool) -> None:
        """An alert that stands keeps its `since`."""
        before = self._standing.get(name, ())
        since = {(standing.alert.code, standing.alert.address): standing.since for standing in before}
        now = datetime.now(UTC)
        after = tuple(
            StandingAlert(name, since.get((alert.code, alert.address), now), alert) for alert in alerts
        )
        if self.stopping.is_set() or (after == before and looked == (name in self._looked)):
            return
        self._standing[name] = after
        (self._looked.add if looked else self._looked.discard)(name)
        self._write()
        for standing in after:
            if (standing.alert.code, standing.alert.address) not in since:
                _log.warning("alert", watcher=name, code=standing.alert.code, summary=standing.alert.summary)

    def _write(self) -> None:
        everything = tuple(standing for alerts in self._standing.values() for standing in alerts)
        try:
            content = AlertsFile(alerts=everything, looked=tuple(sorted(self._looked)))
            write_atomically(self.folder.alerts_file, _FILE.dump_json(content, indent=1).decode())
        except OSError as problem:
            _log.error("alerts file not written", cause=problem.strerror)


def _of_error(name: str, error: Exception) -> Alert:
    if isinstance(error, HeadraceError):
        return Alert("watcher-failed", f"{name}: {error.summary}", hint=error.hint)
    # Of an unforeseen error only the type and the place: its text could hold a value of somebody's row.
    places = [f"{Path(at.filename).name}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__)]
    _log.error("watcher failed", watcher=name, error=type(error).__name__, at=places)
    return Alert("watcher-failed", f"{name}: {type(error).__name__}", hint="see `headrace logs supervisor`")
