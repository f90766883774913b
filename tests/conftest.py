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


_LONGEST_FIRST = (
    "tests/integration/apply",
    "tests/integration/views",
    "tests/integration/lifecycle",
    "tests/integration/serve",
    "tests/integration/test_demo_and_bench.py",
    "tests/integration/engines",
    "tests/integration/feed",
    "tests/integration/transform",
    "tests/integration/capture",
    "tests/docs/test_guides.py",
    "tests/java/test_java_classes.py",
    "tests/integration/source",
    "tests/integration/present",
    "tests/property/test_plan_apply.py",
)
"""What takes 40 s or more (`--durations=0`), then the rest: so all processes end at about the same time."""


def scope(nodeid: str) -> str:
    """What stays together: a package, whose engines are started once, or else a module."""
    module = Path(nodeid.split("::")[0])
    return (module.parent if (_ROOT / module.parent / "conftest.py").exists() else module).as_posix()


class PackageScheduling(LoadScopeScheduling):
    """One process runs all tests of a scope; scopes are begun in the order they are collected in."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> PackageScheduling:
    config.option.loadscopereorder = False  # by the number of tests, which says nothing of how long they take
    return PackageScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # side by side
        place = {name: number for number, name in enumerate(_LONGEST_FIRST)}
        items.sort(key=lambda item: place.get(scope(item.nodeid), len(place)))
