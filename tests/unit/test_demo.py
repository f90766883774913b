"""What the demonstration declares and how it is told, without engines."""

from __future__ import annotations

import json
import threading
import time
from decimal import Decimal
from types import SimpleNamespace

import pytest

from headrace.cli import demo_live, demo_shop
from headrace.cli.demo_live import Live
from headrace.cli.demo_story import TABLE, VIEW, LiveRun, Story
from headrace.hops.transform.views import form_errors
from headrace.names import TableName
from headrace.spec.load import load_text
from headrace.verify.verdict import Difference, Fault, TableVerdict


def verdict(name: str, *differences: Difference, view: bool = False) -> TableVerdict:
    table = TableName.of_view(name) if view else TableName.parse(name)
    return TableVerdict(table, name, f"demo_{name}_1", 1_234_567, 1_234_567, differences, 0, 0, (), 0.1)


@pytest.mark.parametrize("views", [True, False])
def test_what_the_demo_declares_is_valid(views: bool) -> None:
    document = {
        "project": "demo",
        "tables": {name: options or None for name, options in demo_shop.TABLES.items()},
        "views": demo_shop.VIEWS if views else {},
        "dashboard": demo_shop.dashboard(views=views),
    }
    declaration = load_text(json.dumps(document))
    assert not [error for view in declaration.views for error in form_errors(declaration, view)]


def test_every_line_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    story = Story(json=False)
    run = LiveRun(1_000_000, {TABLE: [12.5, 20_000.0], VIEW: [31.0, 19_000.0]}, 12.3)
    story.heading(views=True)
    story.moment(1_000_000, 1_000_000, Decimal("123456789.12"), {TABLE: 12345.6, VIEW: 1.0}, [1.0, 2.0])
    story.verdict(verdict("revenue_by_day", view=True))
    story.finish(run, [verdict("orders")])
    told = capsys.readouterr().out.splitlines()
    assert any("123,456,789.12" in line for line in told)
    assert any(line.endswith("revenue_by_day   1,234,567 rows  equal, a view") for line in told)
    assert [line for line in told if len(line) > 80] == []


class SlowAnswers:
    """A query client whose answers take longer than what is left of the demonstration."""

    def run(self, sql: str) -> SimpleNamespace:
        time.sleep(0.5)
        return SimpleNamespace(rows=[[1]])


def test_the_kill_comes_however_slow_the_answers_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_live, "_REPORT_EVERY_S", 0.1)
    monkeypatch.setattr(Live, "_kill_pinot", lambda *_: 3.5)
    run, live = LiveRun(), Live(None, Story(json=False), views=False)  # type: ignore[arg-type]
    live._narrate(run, SlowAnswers(), 0.4, True, threading.Event())  # type: ignore[arg-type]
    assert run.killed_for_s == 3.5
    assert capsys.readouterr().out.count("\n") > 2


def test_a_difference_is_not_called_equal(capsys: pytest.CaptureFixture[str]) -> None:
    found = verdict("orders", Difference(Fault.MISSING, ("1",)))
    Story(json=False).verdict(found)
    assert "DIFFERENT" in capsys.readouterr().out
    Story(json=True).finish(LiveRun(), [found])
    assert json.loads(capsys.readouterr().out)["equal"] is False
