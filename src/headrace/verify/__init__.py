"""Freshness, fences, the row-for-row audit."""

from __future__ import annotations
