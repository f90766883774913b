from __future__ import annotations

import pytest

from headrace.verify.freshness import Distribution, histogram


def test_percentiles_are_measured_times_by_nearest_rank():
    times = [float(n) for n in range(100, 0, -1)]
    found = Distribution.of(times)
    assert (found.n, found.p50_ms, found.p90_ms, found.p99_ms, found.max_ms) == (100, 50, 90, 99, 100)
    assert Distribution.of([7.0]).p99_ms == 7.0
    assert Distribution.of([1.0] * 499 + [900.0]).p99_ms == 1.0
    assert Distribution.of([1.0] * 494 + [900.0] * 6).p99_ms == 900.0
    with pytest.raises(ValueError, match="no time"):
        Distribution.of([])


def test_the_histogram_counts_every_time_once_and_fits_a_terminal():
    times = [0.5, 7, 7.5, 19.9, 20, 100_000]
    lines = histogram(times)
    assert sum(int(line.split("ms" if "ms" in line else "more")[1].split()[0]) for line in lines) == len(
        times
    )
    assert lines[0].startswith("<    5 ms")
    assert "more" in lines[-1]
    assert all(len(line) < 80 for line in lines)
    assert histogram([]) == []
