"""Spark: views, declared as SQL, compiled to documents that a streaming application runs."""

from __future__ import annotations
