from __future__ import annotations

pytest_plugins = ["tests.temporary_postgres", "tests.sample_data"]
