"""Data in: CSV and the workload generator."""

from __future__ import annotations
