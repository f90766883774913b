from __future__ import annotations

from pathlib import Path

import pytest

from headrace.engines.compose import env_file
from headrace.engines.compose.env_file import Variables
from headrace.engines.folder import ProjectFolder
from headrace.engines.target import VARIABLE, Target, record, target_of
from headrace.errors import HeadraceError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    monkeypatch.delenv(VARIABLE, raising=False)
    found = ProjectFolder.of(tmp_path)
    found.create("shop")
    return found


def _write(folder: ProjectFolder) -> Path:
    variables = Variables("shop", "headrace-shop", "ab12", "headrace:0", {"kafka": 20_001}, {"pinot": 4096})
    return env_file.write(folder, variables)


def test_a_project_is_native_until_somebody_says_otherwise(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert target_of(folder) is Target.NATIVE
    monkeypatch.setenv(VARIABLE, "compose")
    assert target_of(folder) is Target.COMPOSE


def test_a_project_keeps_its_target(folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    record(folder, Target.COMPOSE)
    assert target_of(folder) is Target.COMPOSE
    monkeypatch.setenv(VARIABLE, "native")
    with pytest.raises(HeadraceError) as caught:
        target_of(folder)
    assert caught.value.code == "target-differs"


def test_a_project_that_ran_natively_is_not_moved_by_the_way(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.request_file.write_text("{}")
    monkeypatch.setenv(VARIABLE, "compose")
    with pytest.raises(HeadraceError) as caught:
        target_of(folder)
    assert caught.value.code == "target-differs"


def test_an_unknown_target_is_refused(folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "moon")
    with pytest.raises(HeadraceError) as caught:
        target_of(folder)
    assert caught.value.code == "no-such-target"


def test_the_env_file_is_closed_and_comes_out_the_same_again(folder: ProjectFolder) -> None:
    path = _write(folder)
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "HEADRACE_PORT_KAFKA=20001\n" in text
    assert "HEADRACE_HEAP_MB_PINOT=4096\n" in text
    assert "HEADRACE_MEMORY_PINOT=6656m\n" in text
    path.unlink()
    assert _write(folder).read_text() == text


def test_an_env_file_others_can_read_is_refused(folder: ProjectFolder) -> None:
    path = _write(folder)
    path.chmod(0o640)
    with pytest.raises(HeadraceError) as caught:
        _write(folder)
    assert caught.value.code == "env-file-readable"
    assert f"chmod 600 {path}" in (caught.value.hint or "")
