"""Superset: datasets, charts and one dashboard of a project."""

from __future__ import annotations
