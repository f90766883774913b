"""Restarts connectors whose task has failed: Kafka Connect itself never does.

A failure that no restart can cure is reported, and tried again only rarely, because whoever cures it (a
password corrected, a right granted) does not tell us.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from headrace.errors import HeadraceError
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.failure import SLOT_AHEAD, Failure
from headrace.hops.capture.probe import status
from headrace.names import CaptureNames

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
INCURABLE_PAUSE_S = 300.0
HEALTHY_AFTER_S = 60.0


@dataclass(frozen=True)
class Report:
    """One failed connector, at one look.

    Attributes:
        restarted: a restart was asked for at this look.
        attempts: restarts so far, this one included, since it last worked for a minute.
        next_in_s: when the next restart comes, if it stays failed.
    """

    connector: str
    failure: Failure
    restarted: bool
    attempts: int
    next_in_s: float


@dataclass
class _History:
    attempts: int = 0
    not_before: float = 0.0
    healthy_since: float | None = None
    lasting: Failure | None = None


class ConnectWatcher:
    """Looks after the connectors of one project; call `look` every second or so.

    Args:
        project: connectors of others are never touched.
        now: the clock, monotonic seconds.
    """

    def __init__(
        self, client: ConnectClient, project: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._project = project
        self._now = now
        self._histories: dict[str, _History] = {}

    def look(self) -> tuple[Report, ...]:
        """Restart what has failed and is due; what is failed, restarted or not, is reported.

        One behind which rows are missing is reported until the connector is gone or has worked for a minute.

        Raises:
            HeadraceError: `connect-unreachable`; the next look starts afresh.
        """
        ours = [name for name in self._client.connectors() if self._is_ours(name)]
        for gone in set(self._histories) - set(ours):
            del self._histories[gone]
        return tuple(self._reports(ours))

    def _is_ours(self, name: str) -> bool:
        names = CaptureNames.of_connector(name)
        return names is not None and names.project == self._project

    def _reports(self, connectors: Iterable[str]) -> Iterable[Report]:
        for name in connectors:
            history = self._histories.setdefault(name, _History())
            found = status(self._client, name)
            if found is None or found.failure is None:
                self._note_health(history, found is not None and found.is_healthy)
                if history.lasting is not None:
                    # It starts once more, and what is missing is missing all the same.
                    yield Report(name, history.lasting, False, history.attempts, self._next_in_s(history))
                continue
            history.healthy_since = None
            yield self._handle(name, found.failure, history)

    def _note_health(self, history: _History, healthy: bool) -> None:
        if not healthy:
            history.healthy_since = None
        elif history.healthy_since is None:
            history.healthy_since = self._now()
        elif self._now() - history.healthy_since >= HEALTHY_AFTER_S:
            history.attempts, history.lasting = 0, None

    def _handle(self, name: str, why: Failure, history: _History) -> Report:
        restarted = False
        if why.code == SLOT_AHEAD:
            history.lasting = why
        if self._now() >= history.not_before:
            restarted = self._restart(name)
            history.attempts += 1
            grown_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (history.attempts - 1))
            history.not_before = self._now() + (grown_s if why.restart else INCURABLE_PAUSE_S)
        return Report(name, why, restarted, history.attempts, self._next_in_s(history))

    def _next_in_s(self, history: _History) -> float:
        return max(0.0, history.not_before - self._now())

    def _restart(self, name: str) -> bool:
        try:
            self._client.restart_failed(name)
        except HeadraceError as error:
            if error.code not in ("connect-busy", "connector-missing"):
                raise
            return False
        return True
