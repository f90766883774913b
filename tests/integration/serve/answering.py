"""Waiting until the broker asks the server about a table: it learns of it a moment after it consumes."""

from __future__ import annotations

import time

from headrace.hops.serve import answer
from headrace.hops.serve.client import PinotClient

ANSWERED_WITHIN_S = 60.0


def wait_until_answered(pinot: PinotClient, physical: str) -> None:
    """Return once a count of the table is answered; what passes by itself is waited for, nothing else."""
    deadline = time.monotonic() + ANSWERED_WITHIN_S
    while True:
        try:
            answer.read(pinot.query(f'SELECT COUNT(*) FROM "{physical}"', timeout_s=ANSWERED_WITHIN_S))
            return
        except (answer.Transient, answer.Unserved):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
