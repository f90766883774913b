"""What all tests share; and, where they run side by side (`-n 2`), which of them stay together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling

pytest_plugins = ["tests.failure_logs", "tests.temporary_postgres", "tests.sample_data"]

_ROOT = Path(__file__).parents[1]

# How long an example takes says nothing on a machine that others use: neither a deadline nor "too slow".
settings.register_profile(
    "headrace", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("headrace")


class PackageScheduling(LoadScopeScheduling):
    """One process runs all tests of a package, whose engines are started once, or else of a module."""

    def _split_scope(self, nodeid: str) -> str:
        module = Path(nodeid.split("::")[0])
        return str(module.parent if (_ROOT / module.parent / "conftest.py").exists() else module)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> PackageScheduling:
    return PackageScheduling(config, log)
