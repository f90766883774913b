"""Runs a plan: state, lock, journal, resume."""

from __future__ import annotations
