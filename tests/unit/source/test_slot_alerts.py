"""What is said of a slot, from its state alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.hops.source.probe import megabytes, slot_alerts
from headrace.hops.source.slot import Slot
from headrace.observe.watch import Severity

GOOD = Slot("headrace_s_1", "s", "pgoutput", True, 1, 10, 20, 1000, 500, "reserved", None, False, None)
GB = 1_000_000_000


@pytest.mark.parametrize(
    ("change", "limit", "running", "codes"),
    [
        ({}, None, True, []),
        ({"active": False}, None, True, ["slot-inactive"]),
        ({"active": False}, None, False, []),
        ({"lost": True, "wal_status": "lost"}, 10 * GB, True, ["slot-lost"]),
        ({"wal_status": "unreserved"}, 10 * GB, True, ["slot-nearly-lost"]),
        ({"safe_bytes": GB, "wal_status": "extended"}, 10 * GB, True, ["slot-nearly-lost"]),
        ({"safe_bytes": 3 * GB, "wal_status": "extended"}, 10 * GB, True, []),
        ({"retained_bytes": 6 * GB}, None, True, ["slot-keeps-wal"]),
        ({"retained_bytes": 6 * GB, "safe_bytes": 4 * GB}, 10 * GB, True, []),
        ({"retained_bytes": 6 * GB, "active": False}, None, True, ["slot-keeps-wal", "slot-inactive"]),
    ],
)
def test_alerts(change: dict[str, object], limit: int | None, running: bool, codes: list[str]) -> None:
    found = slot_alerts([replace(GOOD, **change)], limit, running=running)
    assert [alert.code for alert in found] == codes
    assert all(alert.hint and alert.address == "slot:headrace_s_1" for alert in found)
    critical = {"slot-lost", "slot-nearly-lost"}
    assert all((a.severity is Severity.CRITICAL) == (a.code in critical) for a in found)


def test_sizes_for_people() -> None:
    assert [megabytes(n) for n in (0, 1_500_000, 3_400_000_000)] == ["0 MB", "2 MB", "3.4 GB"]
