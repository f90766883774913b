"""PostgreSQL type names as `format_type` prints them; pure."""

from __future__ import annotations


def fixed_scale(pg_type: str) -> int | None:
    """2 of `numeric(12,2)`; None where the type fixes none, or fixes a negative one."""
    if not pg_type.startswith("numeric(") or "," not in pg_type:
        return None
    scale = int(pg_type[len("numeric(") : -1].split(",")[1])
    return scale if scale >= 0 else None
