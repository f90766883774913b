"""Pinot: schemas, upsert tables, queries."""

from __future__ import annotations
