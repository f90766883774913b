"""A point of the WAL: a number of bytes for us, two hexadecimal halves for PostgreSQL and people."""

from __future__ import annotations

import re

_WRITTEN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes it: `0/16B3748`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def parse_lsn(text: str) -> int | None:
    """The number behind `0/16B3748`; None when the text is no such point."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    high, low = found.groups()
    return int(high, 16) << 32 | int(low, 16)
