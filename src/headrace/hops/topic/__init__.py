"""Kafka topics, offsets, lag."""

from __future__ import annotations
