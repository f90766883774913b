"""Progress where nobody watches: a line per step and one every five seconds, never one per row."""

from __future__ import annotations

import pytest

from headrace.cli import output


def test_a_pipe_gets_a_line_per_step_however_often_the_detail_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with output.progress("shop") as line:
        for number in range(1000):
            line.step("open", detail=f", {number} changes a second; last: order {number}")
        for done in range(100):
            line.step("closing", done, 100)
        line.finish("1,000 changes")
    shown = capsys.readouterr().err.splitlines()
    assert [text.partition(",")[0].split(" (")[0] for text in shown] == [
        "shop: open",
        "shop: closing 0%",
        "shop: 1",
    ]
