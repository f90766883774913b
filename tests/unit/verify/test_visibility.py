from __future__ import annotations

import pytest

from headrace.verify.snapshot import Visibility

EPOCH = 1 << 32


@pytest.mark.parametrize(
    ("snapshot", "txid", "seen"),
    [
        ("100:105:101,103", 99, True),
        ("100:105:101,103", 100, True),
        ("100:105:101,103", 101, False),
        ("100:105:101,103", 102, True),
        ("100:105:101,103", 105, False),
        ("100:105:101,103", 106, False),
        ("100:105:101,103", 5_000_000, False),
        ("100:100:", 99, True),
        ("100:100:", -1, True),
        (f"{EPOCH + 100}:{EPOCH + 105}:", 104, True),
        (f"{EPOCH + 100}:{EPOCH + 105}:", 105, False),
        (f"{EPOCH + 100}:{EPOCH + 105}:", EPOCH - 3, True),  # of the epoch before
        (f"{EPOCH - 10}:{EPOCH - 5}:", 3, False),  # of the next epoch
        (f"{EPOCH - 10}:{EPOCH + 5}:{EPOCH + 2}", 2, False),
        (f"{EPOCH - 10}:{EPOCH + 5}:{EPOCH + 2}", 1, True),
    ],
)
def test_what_a_snapshot_sees(snapshot: str, txid: int, seen: bool) -> None:
    visibility = Visibility.parse(snapshot)
    assert visibility.sees(txid) is seen
    assert seen or txid not in visibility.settled
