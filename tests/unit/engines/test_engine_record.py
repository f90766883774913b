from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headrace.engines.folder import ProjectFolder, exclusive, write_atomically
from headrace.engines.process import ProcessIdentity
from headrace.engines.record import (
    EngineRecord,
    EnginesFile,
    EngineState,
    read_engines,
    stop_order,
    write_engines,
)
from headrace.engines.request import EngineRequest, RestartPolicy, read_request, write_request
from headrace.errors import HeadraceError

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _record(name: str, *depends_on: str) -> EngineRecord:
    return EngineRecord(
        name, EngineState.READY, NOW, depends_on=depends_on, ports={name: 1}, log=Path("x.log")
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = ProjectFolder.of(tmp_path)
    folder.create("shop")
    assert read_engines(folder) == EnginesFile()
    record = dataclasses.replace(_record("kafka", "zookeeper"), process=ProcessIdentity.own(), started_at=NOW)
    content = EnginesFile(supervisor=ProcessIdentity.own(), supervisor_since=NOW, engines=(record,))
    write_engines(folder, content)
    assert read_engines(folder) == dataclasses.replace(content, directory=folder.directory)
    assert content.supervised()
    folder.engines_file.write_text(folder.engines_file.read_text()[:50])
    assert read_engines(folder) == EnginesFile()


def test_request_is_read_as_written(tmp_path: Path) -> None:
    folder = ProjectFolder.of(tmp_path)
    folder.create("shop")
    with pytest.raises(HeadraceError, match="nothing was started"):
        read_request(folder)
    request = EngineRequest("shop", tmp_path, tmp_path, "m:f", {"a": 1}, {"kafka": 9}, watchers=("m:g",))
    write_request(folder, request)
    assert read_request(folder) == request
    folder.request_file.write_text("{}")
    with pytest.raises(HeadraceError, match="cannot be understood"):
        read_request(folder)


def test_stop_order_is_the_reverse_of_dependency() -> None:
    records = [_record("a"), _record("b", "a"), _record("c", "a"), _record("d", "b")]
    assert [[record.name for record in stage] for stage in stop_order(records)] == [["c", "d"], ["b"], ["a"]]


def test_stop_order_of_a_circle_still_stops_all() -> None:
    stages = stop_order([_record("a", "b"), _record("b", "a"), _record("c", "a")])
    assert [sorted(record.name for record in stage) for stage in stages] == [["c"], ["a", "b"]]


def test_delay_doubles_up_to_its_bound() -> None:
    policy = RestartPolicy(first_delay_s=1, longest_delay_s=5)
    assert [policy.delay_s(deaths) for deaths in range(1, 6)] == [1, 2, 4, 5, 5]


def test_folder_is_made_once_and_only_for_one_project(tmp_path: Path) -> None:
    folder = ProjectFolder.of(tmp_path)
    folder.create("shop")
    folder.create("shop")
    assert folder.owner() == "shop"
    with pytest.raises(HeadraceError) as raised:
        folder.create("other")
    assert raised.value.code == "folder-of-another-project"


def test_folder_that_init_began_is_taken_and_purged_back_to_it(tmp_path: Path) -> None:
    folder = ProjectFolder.of(tmp_path)
    folder.root.mkdir()
    begun = {".gitignore", "headrace.schema.json"}
    for name in begun:
        (folder.root / name).touch()
    assert folder.is_unused()
    assert not folder.purge()
    folder.create("shop")
    assert not folder.is_unused()
    assert folder.purge()
    assert {path.name for path in folder.root.iterdir()} == begun
    folder.create("another name")


def test_folder_whose_making_was_cut_off_is_taken(tmp_path: Path) -> None:
    folder = ProjectFolder.of(tmp_path)
    folder.root.mkdir()
    (folder.root / ".project.json.x7f3").write_text("{")
    folder.create("shop")
    assert folder.owner() == "shop"
    assert folder.purge()
    assert not folder.root.exists()


def test_folder_that_is_a_link_is_never_purged(tmp_path: Path) -> None:
    real = ProjectFolder.of(tmp_path / "real")
    real.directory.mkdir()
    real.create("shop")
    linked = ProjectFolder.of(tmp_path / "linked")
    linked.directory.mkdir()
    linked.root.symlink_to(real.root)
    with pytest.raises(HeadraceError) as raised:
        linked.purge()
    assert raised.value.code == "folder-not-ours"
    assert real.owner() == "shop"


def test_write_atomically_leaves_the_old_text_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, "old", mode=0o600)
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_lock_is_exclusive_and_goes_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    child = os.fork()
    if child == 0:
        with exclusive(path) as held:
            os._exit(0 if held else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with exclusive(path) as held:
        assert held
        assert path.read_text() == f"{os.getpid()}\n"
        with exclusive(path, timeout_s=0.1) as second:
            assert not second
