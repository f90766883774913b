from __future__ import annotations

pytest_plugins = ["tests.failure_logs", "tests.temporary_postgres", "tests.sample_data"]
