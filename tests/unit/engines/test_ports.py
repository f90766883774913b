from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from headrace.engines.folder import ProjectFolder
from headrace.engines.ports import allocate, holder, is_free, read_ports
from headrace.errors import HeadraceError

NAMES = ("postgres", "kafka")


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    return _folder(tmp_path / "one")


def _folder(directory: Path) -> ProjectFolder:
    directory.mkdir()
    folder = ProjectFolder.of(directory)
    folder.create("shop")
    return folder


def _listen(port: int) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


def test_ports_are_distinct_free_recorded_and_kept(folder: ProjectFolder, tmp_path: Path) -> None:
    first = allocate(folder, NAMES, tmp_path / "home").ports
    assert set(first) == set(NAMES)
    assert len(set(first.values())) == 2
    assert all(is_free(port) for port in first.values())
    assert read_ports(folder) == first
    assert allocate(folder, NAMES, tmp_path / "home").ports == first


def test_below_the_range_of_outgoing_connections(folder: ProjectFolder, tmp_path: Path) -> None:
    assert all(20_000 <= port < 30_000 for port in allocate(folder, NAMES, tmp_path / "home").ports.values())


def test_a_taken_port_is_moved_and_its_holder_named(folder: ProjectFolder, tmp_path: Path) -> None:
    before = allocate(folder, NAMES, tmp_path / "home").ports
    with _listen(before["kafka"]):
        allocation = allocate(folder, NAMES, tmp_path / "home")
    assert allocation.ports["postgres"] == before["postgres"]
    [moved] = allocation.moved
    assert (moved.name, moved.old, moved.new) == ("kafka", before["kafka"], allocation.ports["kafka"])
    assert moved.holder.startswith(f"pid {os.getpid()} (")


def test_a_taken_port_is_an_error_while_others_rely_on_it(folder: ProjectFolder, tmp_path: Path) -> None:
    before = allocate(folder, NAMES, tmp_path / "home").ports
    with _listen(before["kafka"]), pytest.raises(HeadraceError) as raised:
        allocate(folder, NAMES, tmp_path / "home", in_use=[before["postgres"]])
    assert raised.value.code == "port-taken"
    assert str(os.getpid()) in raised.value.summary
    assert read_ports(folder) == before


def test_ports_that_our_own_engines_hold_are_kept(folder: ProjectFolder, tmp_path: Path) -> None:
    before = allocate(folder, NAMES, tmp_path / "home").ports
    with _listen(before["kafka"]):
        assert allocate(folder, NAMES, tmp_path / "home", in_use=before.values()).ports == before


def test_declared_ports_win_and_are_never_moved(folder: ProjectFolder, tmp_path: Path) -> None:
    allocate(folder, NAMES, tmp_path / "home")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    assert allocate(folder, NAMES, tmp_path / "home", fixed={"kafka": port}).ports["kafka"] == port
    with _listen(port), pytest.raises(HeadraceError) as raised:
        allocate(folder, NAMES, tmp_path / "home", fixed={"kafka": port})
    assert raised.value.cause == "headrace.yaml asks for that port"


def test_another_project_never_gets_them_even_while_nothing_runs(
    folder: ProjectFolder, tmp_path: Path
) -> None:
    mine = allocate(folder, NAMES, tmp_path / "home").ports
    other = _folder(tmp_path / "two")
    other.ports_file.write_text(json.dumps(mine))
    theirs = allocate(other, NAMES, tmp_path / "home").ports
    assert not set(mine.values()) & set(theirs.values())
    with pytest.raises(HeadraceError, match="another project"):
        allocate(other, NAMES, tmp_path / "home", fixed={"kafka": mine["kafka"]})


def test_ports_of_a_purged_project_are_free_again(folder: ProjectFolder, tmp_path: Path) -> None:
    mine = allocate(folder, NAMES, tmp_path / "home").ports
    folder.purge()
    other = _folder(tmp_path / "two")
    assert allocate(other, NAMES, tmp_path / "home", fixed=mine).ports == mine


def test_a_damaged_record_is_no_record(folder: ProjectFolder, tmp_path: Path) -> None:
    folder.ports_file.write_text('{"kafka": "a')
    assert set(allocate(folder, NAMES, tmp_path / "home").ports) == set(NAMES)


def test_holder_of_a_free_port_is_not_invented() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert holder(unused.getsockname()[1]) == "a process we may not see"
