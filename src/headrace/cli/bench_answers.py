"""What `headrace bench` prints: medians over the runs, plots, or one JSON document."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headrace.cli import bench_objectives, output
from headrace.cli.bench_objectives import Objective

if TYPE_CHECKING:
    from headrace.verify.bulk import Arrival
    from headrace.verify.freshness import Distribution, Measurement

BULK_ROWS = 500_000
_BULK = (
    Objective("rows_per_s", "one statement, into Pinot", 15_000, "rows/s", least=True),
    Objective("share", "one statement, share of the connector alone", 0.8, least=True),
    Objective("csv_rows_per_s", "load csv, into Pinot", 15_000, "rows/s", least=True),
    Objective("csv_share", "load csv, share of the connector alone", 0.8, least=True),
)
"""Of `bench bulk` with its rows, or more."""
_FRESHNESS = (
    Objective("p50_ms", "p50", 20, "ms"),
    Objective("p99_ms", "p99", 60, "ms"),
    Objective("times_fresher_p50", "times fresher than stock settings", 20, least=True),
)
"""Of `bench freshness` with its gaps and 500 rows a run, or more."""
_SUSTAINED = (
    Objective("p99_ms", "p99", 120, "ms"),
    Objective("max_ms", "the longest gap", 3000, "ms"),
    Objective("segment_commits", "segment commits", 2, least=True),
)
"""Of `bench sustained` at its rate and for its time, or more."""


def answer_json(bench: str, settings: Mapping[str, object], results: Mapping[str, object]) -> None:
    """Print a benchmark as a document: what was asked, when and on what it was measured, what was found."""
    surroundings = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "load_1min": round(os.getloadavg()[0], 2),
    }
    output.answer_json({"ok": True, "bench": bench, **settings, "surroundings": surroundings, **results})


def medians_of(runs: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The median of every number over the runs."""
    found: dict[str, object] = {}
    for name in runs[0]:
        numbers = [run.get(name) for run in runs]
        if all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            found[name] = statistics.median([float(str(number)) for number in numbers])
    return found


def answer_freshness(found: Sequence[Measurement], longest_gap: float, warm: int) -> None:
    """Print how fresh rows were on each path."""
    names = list(found[0].times_ms)
    runs = {name: [one.distribution(name).as_dict() for one in found] for name in names}
    medians = {name: medians_of(results) for name, results in runs.items()}
    fresher = None
    if len(names) > 1:
        fresher = round(float(str(medians[names[1]]["p50_ms"])) / float(str(medians[names[0]]["p50_ms"])), 1)
    asked = longest_gap >= 10 and min(len(one.times_ms[names[0]]) for one in found) >= 500
    objectives = [
        one for one in _FRESHNESS if asked and (fresher is not None or one.number != "times_fresher_p50")
    ]
    numbers = medians[names[0]] | {"times_fresher_p50": fresher}
    if output.json_wanted():
        answer_json(
            "freshness",
            {"gap_s": [0.2, longest_gap], "warm_up_rows": warm},
            {
                "medians": medians,
                "objectives": bench_objectives.document(objectives, numbers),
                "runs": runs,
                "times_fresher_p50": fresher,
            },
        )
        bench_objectives.end(objectives, numbers)
        return
    output.answer(f"commit to the first query that sees the row, ms, behind {warm} rows of warming up")
    show(medians)
    for name in names:
        output.answer(f"\n{name}")
        _plot([time_ms for one in found for time_ms in one.times_ms[name]])
    if fresher is not None:
        output.answer(f"\n{fresher} times fresher than the same path at stock settings (p50)")
    bench_objectives.tell(objectives, numbers)


def answer_sustained(
    rate: float,
    seconds: float,
    warm_up_s: float,
    runs: Sequence[Mapping[str, object]],
    times_ms: Sequence[float],
) -> None:
    """Print how fresh transactions were under a load."""
    medians = medians_of(runs)
    objectives = _SUSTAINED if rate >= 2000 and seconds >= 600 else ()
    if output.json_wanted():
        told = {"objectives": bench_objectives.document(objectives, medians), "runs": list(runs)}
        answer_json(
            "sustained",
            {"rate": rate, "seconds": seconds, "warm_up_s": warm_up_s},
            {"medians": medians, **told},
        )
        bench_objectives.end(objectives, medians)
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
    bench_objectives.tell(objectives, medians)


def answer_bulk(rows: int, runs: Sequence[Mapping[str, object]]) -> None:
    """Print how fast many rows arrived."""
    medians = medians_of(runs)
    objectives = _BULK if rows >= BULK_ROWS else ()
    if output.json_wanted():
        told = {"objectives": bench_objectives.document(objectives, medians), "runs": list(runs)}
        answer_json("bulk", {"rows": rows}, {"medians": medians, **told})
        bench_objectives.end(objectives, medians)
        return
    output.answer(f"{rows:,} rows of 8 columns in one transaction, from its commit to the last one")
    output.answer(f"medians of {len(runs)}, rows/s; shares are of what stands in one run")
    ways = (("one statement", ""), ("load csv", "csv_"))
    lines = [(way, *_of_a_way(medians, prefix)) for way, prefix in ways]
    output.answer(output.table(("by", "connector alone", "into Pinot", "share"), lines))
    output.answer("\nevery run")
    lines = [(way, *_of_a_way(run, prefix)) for run in runs for way, prefix in ways]
    output.answer(output.table(("by", "connector alone", "into Pinot", "share"), lines))
    for way, prefix in ways:
        if f"{prefix}others_p50_ms" in medians:
            p50, longest = (float(str(medians[f"{prefix}others_{part}_ms"])) for part in ("p50", "max"))
            output.answer(f"another table during {way}: p50 {p50:,.0f} ms, at most {longest:,.0f} ms")
    bench_objectives.tell(objectives, medians)


def _of_a_way(found: Mapping[str, object], prefix: str) -> tuple[int, int, float]:
    """Rows a second of the connector alone and into Pinot, and the share."""
    alone, whole, share = (
        float(str(found[prefix + name])) for name in ("alone_rows_per_s", "rows_per_s", "share")
    )
    return round(alone), round(whole), round(share, 2)


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


@dataclass(frozen=True)
class Both:
    """The same rows, written in the same way, with the connector alone and then on the whole path.

    Attributes:
        others: how fresh rows of another table were meanwhile, on the whole path.
    """

    alone: Arrival
    whole: Arrival
    others: Distribution | None

    def figures(self) -> dict[str, object]:
        """Rows a second, the share, seconds."""
        return {
            "alone_rows_per_s": round(self.alone.rows_per_s),
            "rows_per_s": round(self.whole.rows_per_s),
            "share": round(self.whole.rows_per_s / self.alone.rows_per_s, 3),
            "write_s": round(self.whole.write_s, 3),
            "arrival_s": round(self.whole.arrival_s, 3),
        }


def bulk_figures(statement: Both, csv: Both) -> dict[str, object]:
    """One run of `bench bulk`: rows a second, seconds, milliseconds."""
    document = statement.figures() | {f"csv_{name}": value for name, value in csv.figures().items()}
    for prefix, others in (("", statement.others), ("csv_", csv.others)):
        if others is not None:
            document[f"{prefix}others_p50_ms"] = round(others.p50_ms, 1)
            document[f"{prefix}others_max_ms"] = round(others.max_ms, 1)
    return document
