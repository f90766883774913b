"""Events and health."""

from __future__ import annotations
