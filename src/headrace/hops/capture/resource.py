"""A capture's connector as a managed resource.

Promise: a connector begins its first attempt exactly once, with no offset of an earlier life: it is created
stopped, what a namesake left behind is wiped, and only then it runs. A second attempt at an initial snapshot
reads over a live slot without its snapshot; `snapshot.py` would find it out and the capture be thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from headrace.errors import HeadraceError, Where
from headrace.hops.capture.client import ConnectClient
from headrace.hops.capture.probe import status
from headrace.plan.resource import Document

STATE = "state"
OFFSETS_PROPERTY = "offsets.storage.topic"
RUNNING = "RUNNING"
SETTLE_TIMEOUT_S = 60.0


class Connector:
    """One connector: its configuration, and that it is meant to run.

    Args:
        config: what `render.connector_config` gave; empty when it is only to be read or deleted.
    """

    def __init__(self, client: ConnectClient, name: str, config: Mapping[str, str]) -> None:
        self._client = client
        self._name = name
        self._config = dict(config)

    @property
    def address(self) -> str:
        return f"connector:{self._name}"

    @property
    def desired(self) -> Document:
        return {**self._config, STATE: RUNNING}

    def read(self) -> Document | None:
        """Its whole configuration, settings added by hand included, and what it is meant to do.

        Whether its task works is health, not configuration: see `probe.status`.
        """
        found = self._client.config(self._name)
        if found is None:
            return None
        config = {name: value for name, value in found.items() if name != "name"}
        return {**config, STATE: self._target_state()}

    def apply(self) -> None:
        """Create it and let it run, or put its configuration back.

        A changed configuration restarts the task, which takes seconds and loses nothing once the initial
        snapshot is over.

        Raises:
            HeadraceError: `connector-refused`, `connect-unreachable`, `connect-busy`.
        """
        if self.read() is None and self._client.create_stopped(self._name, self._config):
            self._await(lambda: self._target_state() == "STOPPED", "it to be known")
            self._wipe_offsets(self._config)
        found = self.read() or {}
        if {name: value for name, value in found.items() if name != STATE} != self._config:
            self._client.put_config(self._name, self._config)
        if found.get(STATE) != RUNNING:
            self._client.resume(self._name)
        self._await(lambda: self.read() == self.desired, "it to run")

    def delete(self) -> None:
        """Stop it, wipe its offsets, remove it. Slot, publication and topics are others' business."""
        config = self._client.config(self._name)
        if config is None:
            return
        self._client.stop(self._name)
        self._await(self._is_stopped, "its task to stop")
        self._wipe_offsets(config)
        self._client.delete(self._name)
        self._await(lambda: self._client.config(self._name) is None, "it to be gone")

    def _wipe_offsets(self, config: Mapping[str, str]) -> None:
        """Forget the positions in the workers' own topic; the capture's topic is deleted as a topic.

        Connect 4.3.1 cannot reset both at once (the reset times out: "Cannot add partition ... to transaction
        while in state READY"), so the connector, stopped, is first made to know only one.
        """
        if not self._client.offsets(self._name):
            return
        one_store = {name: value for name, value in config.items() if name != OFFSETS_PROPERTY}
        self._client.put_config(self._name, one_store)
        self._client.reset_offsets(self._name)

    def _target_state(self) -> str:
        found = status(self._client, self._name)
        return found.state if found is not None and found.state in ("STOPPED", "PAUSED") else RUNNING

    def _is_stopped(self) -> bool:
        found = status(self._client, self._name)
        return found is None or (found.state == "STOPPED" and found.task is None)

    def _await(self, done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while not done():
            if time.monotonic() > deadline:
                raise HeadraceError(
                    "connect-failed",
                    f"waited {SETTLE_TIMEOUT_S:.0f} s for {what}: connector {self._name}",
                    hint="see `headrace logs connect`",
                    where=Where(address=self.address),
                )
            time.sleep(0.05)
