"""The engines of the apply tests, for the real half of the suite."""

from __future__ import annotations

from tests.integration.apply.conftest import engines_folder, project

__all__ = ["engines_folder", "project"]
