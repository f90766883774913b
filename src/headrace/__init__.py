"""headrace keeps an analytical copy of an operational PostgreSQL fresh, exactly right, and proves it."""

from __future__ import annotations

__version__ = "0.1.0"
