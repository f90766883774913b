"""The engines in containers: the same definitions, rendered for Docker Compose, and run by it."""

from __future__ import annotations
