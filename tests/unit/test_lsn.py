"""Points of the WAL as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.lsn import lsn_text, parse_lsn


@given(st.integers(0, 2**64 - 1))
def test_what_is_written_is_read_back(lsn: int) -> None:
    assert parse_lsn(lsn_text(lsn)) == lsn
    assert parse_lsn(lsn_text(lsn).lower()) == lsn


@pytest.mark.parametrize("text", ["", "now", "0", "0/", "/1", "1/2/3", "0x1/2", "-1/2", "1/123456789", "G/1"])
def test_what_is_no_point(text: str) -> None:
    assert parse_lsn(text) is None
