"""One file per command."""

from __future__ import annotations
