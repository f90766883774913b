"""One engine without a supervisor, for as long as a block lasts: trials and measurements."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from headrace.engines.bound_child import bound
from headrace.engines.logfile import open_for_append, tail
from headrace.engines.service import Service
from headrace.errors import HeadraceError

_POLL_S = 0.2


class Unsupervised:
    """One Java engine, for a `with` block; it does not outlive us, however we end.

    Args:
        service: what is started; its ports must be free.
        directory: where it works.
        options: for its JVM.
        slow_end_s: how much longer than usual it may take to stop.

    Attributes:
        ended_in_order: that it stopped when it was asked to, known after the block.
    """

    def __init__(
        self, service: Service, directory: Path, options: Sequence[str] = (), slow_end_s: float = 0.0
    ) -> None:
        self.ended_in_order = False
        self._service = service
        self._patience_s = service.stop_timeout_s + slow_end_s
        service.prepare()
        java, *arguments = service.command
        with os.fdopen(open_for_append(service.log), "ab") as log:
            self._process = subprocess.Popen(
                bound([java, *options, *arguments]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, **service.environment},
            )

    def __enter__(self) -> Unsupervised:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._process.send_signal(self._service.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self._patience_s)
                self.ended_in_order = True
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def wait_ready(self) -> None:
        """Return when the engine serves.

        Raises:
            HeadraceError: `engine-does-not-start`.
        """
        deadline = time.monotonic() + self._service.start_timeout_s
        while (waits_for := self._service.ready()) is not None:
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                lines = tail(self._service.log, 3)
                raise HeadraceError(
                    "engine-does-not-start",
                    f"{self._service.name} was installed but does not start here",
                    cause="\n".join(lines) if ended and lines else f"still waits for {waits_for}",
                    hint="check free memory and the JDK (java -version), then: headrace engines install",
                )
            time.sleep(_POLL_S)
