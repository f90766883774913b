"""What all tests share; and, where they run side by side, which of them stay together."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tests.failure_logs", "tests.temporary_postgres", "tests.sample_data"]

_TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n`, one process runs all tests of a package, whose engines are started once, or of a module."""
    for item in items:
        folder = item.path.parent
        together = folder if (folder / "conftest.py").exists() and folder != _TESTS else item.path
        item.add_marker(pytest.mark.xdist_group(str(together.relative_to(_TESTS))))
