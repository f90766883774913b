"""What happens to `.headrace`: copied, moved, removed, linked, purged half-way, on a full disk."""

from __future__ import annotations

import errno
import io
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.engines import folder, stop_project
from headrace.engines.record import EngineState, read_engines
from headrace.engines.supervisor import QuietLogger
from headrace.errors import HeadraceError
from tests.integration.lifecycle.small_project import SmallProject, eventually

TWO: dict[str, dict[str, Any]] = {"store": {}, "log": {"depends_on": ["store"]}}


def test_a_copy_of_a_running_project_has_engines_of_its_own(
    make_project: Callable[[str], SmallProject],
) -> None:
    original, copy = make_project("original"), make_project("copy")
    original.describe(**TWO)
    ports = original.up().ports
    copy.directory.rmdir()
    shutil.copytree(original.directory, copy.directory)

    assert copy.down().engines == ()
    assert all(original.is_ready(name) for name in TWO)

    assert set(copy.up().ports.values()).isdisjoint(ports.values())
    assert {copy.process(name) for name in TWO}.isdisjoint(original.process(name) for name in TWO)
    assert copy.down(purge=True).engines == ("log", "store")
    assert all(original.is_ready(name) for name in TWO)


def test_a_project_that_was_moved_is_still_stopped(
    project: SmallProject, make_project: Callable[[str], SmallProject]
) -> None:
    moved = make_project("moved")
    project.describe(**TWO)
    project.up()
    moved.directory.rmdir()
    project.directory.rename(moved.directory)
    assert moved.down().engines == ("log", "store")
    assert project.alive() == []


def test_down_finds_engines_whose_folder_was_removed(project: SmallProject) -> None:
    project.describe(**TWO)
    project.up()
    shutil.rmtree(project.folder.root)
    assert project.down().engines == ("log", "store")
    assert project.alive() == []
    assert not project.folder.root.exists()
    project.up()


def test_up_over_engines_whose_folder_was_removed_says_what_to_do(project: SmallProject) -> None:
    project.describe(**TWO)
    project.up()
    shutil.rmtree(project.folder.root)
    with pytest.raises(HeadraceError) as raised:
        project.up()
    assert raised.value.code == "folder-removed"
    assert "headrace down" in (raised.value.hint or "")
    project.down()
    assert project.alive() == []
    project.up()


def test_a_linked_folder_is_refused_before_anything_is_written_to_it(
    project: SmallProject, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "big-disk"
    elsewhere.mkdir()
    project.folder.root.symlink_to(elsewhere)
    project.describe(**TWO)
    with pytest.raises(HeadraceError, match="not made by headrace"):
        project.up()
    assert list(elsewhere.iterdir()) == []


def test_a_purge_cut_off_in_the_middle_is_repeated(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.describe(**TWO)
    project.up()
    remove = shutil.rmtree

    def cut_off(path: Path) -> None:
        remove(path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder.shutil, "rmtree", cut_off)
        with pytest.raises(KeyboardInterrupt):
            project.down(purge=True)
    assert project.folder.root.exists()
    assert project.down(purge=True).purged
    assert not project.folder.root.exists()


def test_down_needs_no_room_on_the_disk(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.describe(**TWO)
    project.up()
    project.supervisor().send(signal.SIGKILL)
    eventually(lambda: not project.supervisor().alive())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(stop_project, "write_engines", full)
        assert project.down().engines == ("log", "store")
    assert project.alive() == []
    assert {record.state for record in read_engines(project.folder).engines} == {EngineState.READY}
    project.up()  # what is on record and does not live is started


def test_a_log_that_cannot_be_written_ends_nobody() -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    QuietLogger(Full()).error("the disk is full")
