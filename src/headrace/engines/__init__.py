"""The servers themselves: install, start, supervise, stop. Knows no tables."""

from __future__ import annotations
