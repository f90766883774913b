"""Writes the pages of docs/reference that follow from the code; `script/docs` runs it."""

from __future__ import annotations
