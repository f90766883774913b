"""The alert before the disk is full."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headrace.engines.self_watch import DiskWatcher
from headrace.observe.watch import Severity

MB = 1024**2


@pytest.mark.parametrize(
    ("free_mb", "told"),
    [(100_000, None), (1_000, Severity.WARNING), (50, Severity.CRITICAL)],
)
def test_it_is_told_before_every_engine_stops(
    free_mb: int, told: Severity | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free_mb * MB))
    alerts = DiskWatcher(tmp_path).check()
    assert [alert.severity for alert in alerts] == ([] if told is None else [told])
    assert all(alert.code == "disk-almost-full" and f"{free_mb} MB left" in alert.summary for alert in alerts)
