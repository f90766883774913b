"""What `headrace bench` prints: medians over the runs, plots, or one JSON document."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headrace.cli import output

if TYPE_CHECKING:
    from headrace.verify.bulk import Arrival
    from headrace.verify.freshness import Distribution, Measurement


def answer_json(bench: str, settings: Mapping[str, object], results: Mapping[str, object]) -> None:
    """Print a benchmark as a document: what was asked, when and on what it was measured, what was found."""
    surroundings = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "load_1min": round(os.getloadavg()[0], 2),
    }
    output.answer_json({"ok": True, "bench": bench, **settings, "surroundings": surroundings, **results})


def _medians(runs: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The median of every number over the runs."""
    medians: dict[str, object] = {}
    for name, value in runs[0].items():
        numbers = [run[name] for run in runs]
        if isinstance(value, int | float) and not isinstance(value, bool):
            medians[name] = statistics.median([float(str(number)) for number in numbers])
    return medians


def answer_freshness(found: Sequence[Measurement], longest_gap: float, warm: int) -> None:
    """Print how fresh rows were on each path."""
    names = list(found[0].times_ms)
    runs = {name: [one.distribution(name).as_dict() for one in found] for name in names}
    medians = {name: _medians(results) for name, results in runs.items()}
    fresher = None
    if len(names) > 1:
        fresher = round(float(str(medians[names[1]]["p50_ms"])) / float(str(medians[names[0]]["p50_ms"])), 1)
    if output.json_wanted():
        answer_json(
            "freshness",
            {"gap_s": [0.2, longest_gap], "warm_up_rows": warm},
            {"medians": medians, "runs": runs, "times_fresher_p50": fresher},
        )
        return
    output.answer(f"commit to the first query that sees the row, ms, behind {warm} rows of warming up")
    show(medians)
    for name in names:
        output.answer(f"\n{name}")
        _plot([time_ms for one in found for time_ms in one.times_ms[name]])
    if fresher is not None:
        output.answer(f"\n{fresher} times fresher than the same path at stock settings (p50)")


def answer_sustained(
    rate: float,
    seconds: float,
    warm_up_s: float,
    runs: Sequence[Mapping[str, object]],
    times_ms: Sequence[float],
) -> None:
    """Print how fresh transactions were under a load."""
    medians = _medians(runs)
    if output.json_wanted():
        answer_json(
            "sustained",
            {"rate": rate, "seconds": seconds, "warm_up_s": warm_up_s},
            {"medians": medians, "runs": list(runs)},
        )
        return
    output.answer(
        f"{rate:,.0f} changes a second for {seconds:,.0f} s, half of them updates,"
        f" behind {warm_up_s:,.0f} s of warming up; ms"
    )
    show({"headrace": medians})
    output.answer(
        f"longest gap {float(str(medians['max_ms'])) / 1000:.2f} s,"
        f" {float(str(medians['segment_commits'])):.0f} segment commits,"
        f" {float(str(medians['changes_per_s'])):,.0f} changes/s written"
    )
    _plot(times_ms)


def answer_bulk(rows: int, runs: Sequence[Mapping[str, object]]) -> None:
    """Print how fast many rows arrived."""
    medians = _medians(runs)
    if output.json_wanted():
        answer_json("bulk", {"rows": rows}, {"medians": medians, "runs": list(runs)})
        return
    output.answer(f"{rows:,} rows of 8 columns in one transaction, from its commit until all are there")
    lines = [
        ("the connector alone, into Kafka", "alone_rows_per_s"),
        ("into Pinot, by one statement", "rows_per_s"),
        ("into Pinot, by load csv", "csv_rows_per_s"),
    ]
    output.answer(
        output.table(("path", "rows/s"), [(name, round(float(str(medians[key])))) for name, key in lines])
    )
    output.answer(f"share of the connector's own rate: {float(str(medians['share'])):.2f}")
    if "others_p50_ms" in medians:
        output.answer(
            f"another table meanwhile: p50 {float(str(medians['others_p50_ms'])):,.0f} ms,"
            f" at most {float(str(medians['others_max_ms'])):,.0f} ms"
        )


def show(medians: Mapping[str, Mapping[str, object]]) -> None:
    """Times of each path as a table."""
    columns = ("n", "p50_ms", "p90_ms", "p99_ms", "max_ms")
    rows = [
        (name, *(round(float(str(found[column])), 1) for column in columns))
        for name, found in medians.items()
    ]
    output.answer(output.table(("path", "n", "p50", "p90", "p99", "max"), rows))


def _plot(times_ms: Sequence[float]) -> None:
    from headrace.verify.freshness import histogram

    for line in histogram(times_ms):
        output.answer(f"  {line}")


def bulk_figures(
    alone: Arrival, whole: Arrival, csv: Arrival, others: Distribution | None
) -> dict[str, object]:
    """One run of `bench bulk`: rows a second, seconds, milliseconds."""
    document: dict[str, object] = {
        "alone_rows_per_s": round(alone.rows_per_s),
        "rows_per_s": round(whole.rows_per_s),
        "csv_rows_per_s": round(csv.rows_per_s),
        "share": round(whole.rows_per_s / alone.rows_per_s, 3),
        "statement_s": round(whole.statement_s, 3),
        "csv_load_s": round(csv.statement_s, 3),
        "arrival_s": round(whole.arrival_s, 3),
    }
    if others is not None:
        document |= {"others_p50_ms": round(others.p50_ms, 1), "others_max_ms": round(others.max_ms, 1)}
    return document
