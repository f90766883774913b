"""Data in from a JSON list API: paging, retries, types, and a position kept with the rows."""

from __future__ import annotations
