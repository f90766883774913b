"""The wait for the proof of a snapshot whose connector rests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from headrace.apply import birth
from headrace.apply.birth import SnapshotBroken, prove
from headrace.apply.progress import silent
from headrace.apply.systems import Flow, SnapshotReport
from headrace.names import CaptureNames
from headrace.plan.model import Snapshot

RUNS = SnapshotReport(Snapshot.RUNNING)
RESTS = SnapshotReport(Snapshot.RUNNING, resting=True)
PROVEN = SnapshotReport(Snapshot.PROVEN, resting=True)


class _Reports:
    """A Flow that only tells of a snapshot; the last report is told again and again."""

    def __init__(self, reports: Iterable[SnapshotReport]) -> None:
        self._reports = list(reports)

    def snapshot(self, *_: object) -> SnapshotReport:
        return self._reports.pop(0) if len(self._reports) > 1 else self._reports[0]


def _prove(*reports: SnapshotReport) -> None:
    prove(cast(Flow, _Reports(reports)), CaptureNames("shop", 1), [], 0, silent)


def test_one_that_rests_for_good_breaks_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(birth, "REST_S", 0.1)
    with pytest.raises(SnapshotBroken, match="has not run"):
        _prove(RUNS, RESTS)


def test_a_short_rest_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(birth, "REST_S", 0.12)
    _prove(RUNS, RESTS, RUNS, RESTS, RUNS, RESTS, RUNS, PROVEN)
