"""The shop: its tables, what happens in it, and its REST API."""

from __future__ import annotations
