"""What the user declares: models, YAML with line numbers, JSON Schema."""

from __future__ import annotations
