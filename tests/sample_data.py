"""Real data for tests, which skip where it is not at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def find_data(relative: str) -> Path | None:
    """A file below HEADRACE_TEST_DATA, or below `shared/data` beside or above the repository."""
    places = [Path(os.environ["HEADRACE_TEST_DATA"])] if "HEADRACE_TEST_DATA" in os.environ else []
    places += [parent / "shared" / "data" for parent in Path(__file__).resolve().parents]
    return next((place / relative for place in places if (place / relative).is_file()), None)


@pytest.fixture(scope="session")
def online_retail() -> Path:
    path = find_data("online-retail/online-retail.csv.gz")
    if path is None:
        pytest.skip("the data set online-retail is not here (set HEADRACE_TEST_DATA)")
    return path
