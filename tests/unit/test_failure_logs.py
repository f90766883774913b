from __future__ import annotations

import time
from pathlib import Path

from tests.failure_logs import LAST_LINES, projects, sections


def project(place: Path) -> Path:
    logs = place / "shop" / ".headrace" / "logs"
    logs.mkdir(parents=True)
    (logs / "pinot.log").write_text("".join(f"line {number}\n" for number in range(LAST_LINES + 1)))
    return logs


def test_the_end_of_a_log_is_told(tmp_path: Path) -> None:
    project(tmp_path)
    (folder,) = projects(tmp_path)
    ((title, text),) = sections(folder, since=0)
    assert title == "pinot.log of shop"
    assert text.splitlines()[0] == "line 1"
    assert text.splitlines()[-1] == f"line {LAST_LINES}"


def test_a_log_that_nothing_was_written_to_meanwhile_is_not(tmp_path: Path) -> None:
    project(tmp_path)
    (folder,) = projects(tmp_path)
    assert sections(folder, since=time.time() + 60) == []
