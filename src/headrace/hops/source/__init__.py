"""PostgreSQL: catalogue, publication, slot, replica identity, fences, WAL guard."""

from __future__ import annotations
