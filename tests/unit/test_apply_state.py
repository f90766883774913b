"""State, lock and journal on a real disk."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.apply.journal import Journal
from headrace.apply.lock import project_lock
from headrace.apply.state import State, StateStore
from headrace.errors import HeadraceError
from headrace.names import TableName

ORDERS = TableName("public", "orders")


def test_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    store = StateStore(tmp_path, "shop")
    state = State("shop", identities={ORDERS: "default"}, resync_above={ORDERS: 2}, applied={"a:b": "c"})
    state = state.with_birth(3, {ORDERS: "abc"}).with_consistent_point(3, 4711)
    store.save(state)
    assert store.load() == state
    assert store.load().next_capture == 4
    assert store.load().shapes(3) == {ORDERS: "abc"}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_number_is_never_given_back(tmp_path: Path) -> None:
    state = State("shop", next_capture=7).with_birth(3, {})
    assert state.next_capture == 7


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "state-unreadable"),
        ('{"version": 1}', "state-unreadable"),
        ('{"version": 2, "project": "shop"}', "state-unreadable"),
        ('{"version": 1, "project": "other"}', "project-renamed"),
    ],
)
def test_a_state_that_is_not_ours_is_refused_with_a_remedy(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(HeadraceError) as caught:
        StateStore(tmp_path, "shop").load()
    assert caught.value.code == code
    assert caught.value.hint


def test_the_lock_names_its_holder_and_goes_with_it(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom headrace.apply.lock import project_lock\n"
        f"with project_lock(Path({str(tmp_path)!r}), 'apply'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(HeadraceError) as caught, project_lock(tmp_path, "destroy"):
            pass
        assert caught.value.code == "apply-running"
        assert str(other.pid) in (caught.value.cause or "")
        other.kill()
        other.wait()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with project_lock(tmp_path, "destroy"):
                    return
            except HeadraceError:
                time.sleep(0.01)
        pytest.fail("the lock outlived its holder")


def test_the_journal_holds_a_line_before_and_after_each_action(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.action("build", "topic:a", "create"):
        during = _lines(tmp_path)
    with pytest.raises(KeyError), journal.action("build", "topic:b", "create"):
        raise KeyError("x")
    assert [line["event"] for line in during] == ["begin"]
    assert [line["event"] for line in _lines(tmp_path)] == ["begin", "done", "begin", "failed"]
    assert all(line["version"] == 1 for line in _lines(tmp_path))


def test_a_line_cut_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"version": 1, "ev')
    Journal(tmp_path).write("plan")
    last = (tmp_path / "journal.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["event"] == "plan"


def _lines(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / "journal.jsonl").read_text().splitlines()]
