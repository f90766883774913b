"""What `headrace bench` makes of what was measured, without engines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import typer

from headrace.cli import bench_answers, output
from headrace.cli.bench_answers import Both
from headrace.cli.bench_commands import bench_project
from headrace.errors import ExitCode
from headrace.verify.bulk import Arrival
from headrace.verify.freshness import Distribution, Measurement
from headrace.verify.one_project import Commands, OneProject, write_lines

ENGINES = {"postgres": 200_000_000, "pinot": 1_500_000_000, "supervisor": 50_000_000}


@pytest.fixture(autouse=True)
def told_to_people() -> None:
    """Whatever a command line of another test asked for."""
    output.want_json(False)


@pytest.fixture
def json_wanted(told_to_people: None) -> Iterator[None]:
    output.want_json(True)
    yield
    output.want_json(False)


@contextmanager
def not_reached() -> Iterator[None]:
    """The command ends with the code for what was not reached, after all that it had to say."""
    with pytest.raises(typer.Exit) as ended:
        yield
    assert ended.value.exit_code == ExitCode.OBJECTIVE_MISSED


def both(alone_s: float, whole_s: float) -> Both:
    others = Distribution.of([12.0, 14_000.0])
    return Both(Arrival(500_000, 3.0, alone_s), Arrival(500_000, 3.0, whole_s), others)


def project(verify_s: float, engines: dict[str, int | None], rows: int = 541_909) -> dict[str, object]:
    return OneProject(rows, 8.0, 12.8, 3.9, 19.4, verify_s, 0.77, engines).as_dict()


def test_csv_is_compared_with_the_connector_alone_fed_from_csv() -> None:
    figures = bench_answers.bulk_figures(both(10, 12.5), both(20, 40))
    assert (figures["share"], figures["csv_share"]) == (0.8, 0.5)
    assert figures["csv_alone_rows_per_s"] == 25_000


def test_a_share_of_csv_that_is_not_reached_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [bench_answers.bulk_figures(both(10, 12), both(10, 13)) for _ in range(3)]
    with not_reached():
        bench_answers.answer_bulk(500_000, runs)
    told = capsys.readouterr().out.splitlines()
    missed = [line for line in told if "not reached" in line]
    assert missed == ["not reached: load csv, share of the connector alone 0.769 (at least 0.8)"]
    assert sum("load csv  " in line for line in told) == 1 + len(runs)
    assert [line for line in told if len(line) > 80] == []


@pytest.mark.parametrize(("longest_gap", "told"), [(10.0, 3), (1.0, 0)])
def test_freshness_at_the_gaps_it_is_asked_for_is_held_to_its_objectives(
    longest_gap: float, told: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Measurement({"headrace": [13.0] * 495 + [70.0] * 5, "stock": [520.0] * 500})
    bench_answers.answer_freshness([run], longest_gap, 500)
    lines = [line for line in capsys.readouterr().out.splitlines() if "reached: " in line]
    assert len(lines) == told
    assert not told or lines[0] == "reached: p50 13 ms (at most 20 ms)"
    assert not told or lines[2] == "reached: times fresher than stock settings 40 (at least 20)"


def test_a_load_without_commits_of_segments_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    found = {**Distribution.of([40.0, 90.0]).as_dict(), "segment_commits": 1, "changes_per_s": 2000}
    with not_reached():
        bench_answers.answer_sustained(2000, 600, 60, [found], [40.0, 90.0])
    assert "not reached: segment commits 1 (at least 2)" in capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("json_wanted")
def test_what_is_missed_ends_the_document_with_the_same_code(capsys: pytest.CaptureFixture[str]) -> None:
    with not_reached():
        bench_answers.answer_bulk(500_000, [bench_answers.bulk_figures(both(10, 12), both(10, 13))])
    assert json.loads(capsys.readouterr().out)["objectives"]["csv_share"]["reached"] is False


@pytest.mark.usefixtures("json_wanted")
def test_fewer_rows_are_held_to_no_objective(capsys: pytest.CaptureFixture[str]) -> None:
    bench_answers.answer_bulk(100_000, [bench_answers.bulk_figures(both(10, 12), both(10, 13))])
    assert json.loads(capsys.readouterr().out)["objectives"] == {}


def test_every_run_of_a_project_is_shown_beside_what_should_be(capsys: pytest.CaptureFixture[str]) -> None:
    with not_reached():
        bench_project.answer([project(15.5, {**ENGINES}), project(15.5, {**ENGINES})], None)
    told = capsys.readouterr().out.splitlines()
    assert any("plan with nothing to do" in line and "at most 3 s" in line for line in told)
    assert "not reached: verify 15.5 s (at most 15 s)" in told
    assert sum("15.5" in line for line in told) == 4
    assert [line for line in told if len(line) > 80] == []


@pytest.mark.usefixtures("json_wanted")
def test_memory_that_is_not_known_in_part_is_not_summed(capsys: pytest.CaptureFixture[str]) -> None:
    bench_project.answer([project(7, {**ENGINES, "kafka": None}), project(8, {**ENGINES})], None)
    told = json.loads(capsys.readouterr().out)
    assert told["runs"][0]["pss_gb"] is None
    assert told["runs"][1]["pss_gb"] == 1.75
    assert "pss_gb" not in told["medians"]
    assert told["objectives"]["pss_gb"] == {"at_most": 3, "reached": None}
    assert told["objectives"]["verify_s"] == {"at_most": 15, "reached": True}


@pytest.mark.usefixtures("json_wanted")
def test_verify_of_another_table_is_held_to_no_objective(capsys: pytest.CaptureFixture[str]) -> None:
    bench_project.answer([project(20, {**ENGINES}, rows=1000)], None)
    assert "verify_s" not in json.loads(capsys.readouterr().out)["objectives"]


def test_the_lines_have_eight_columns_of_several_types(tmp_path: Path) -> None:
    write_lines(tmp_path / "lines.csv", 2000)
    with (tmp_path / "lines.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + 2000
    assert {len(row) for row in rows} == {8}
    assert any(row[6] == "" for row in rows)
    assert all(datetime.fromisoformat(row[4]) for row in rows[1:])


def test_options_of_somebodys_own_do_not_reach_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "headrace.yaml").write_text("project: measured\ntables: [orders]\n", encoding="utf-8")
    monkeypatch.setenv("HEADRACE_PROJECT_DIR", "/nowhere")
    monkeypatch.setenv("HEADRACE_TIMEOUT", "nonsense")
    found, took_s = Commands(tmp_path, lambda _: None).run("validate")
    assert found["ok"]
    assert took_s > 0
