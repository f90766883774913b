"""`headrace bench` with all its commands: some stand in modules of their own."""

from __future__ import annotations

from headrace.cli import bench, bench_build, bench_bulk, bench_project, bench_views

app = bench.app

__all__ = ["app", "bench_build", "bench_bulk", "bench_project", "bench_views"]
