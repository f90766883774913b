"""The Debezium connector on Kafka Connect."""

from __future__ import annotations
