from __future__ import annotations

import hashlib
from pathlib import Path

from headrace.engines import lock
from headrace.engines.versions import FROM_MAVEN


def folder_with(path: Path, **jars: bytes) -> Path:
    path.mkdir()
    for name, content in jars.items():
        (path / f"{name}.jar").write_bytes(content)
    return path


def test_a_lock_agrees_with_the_folder_it_was_made_of(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "lib", b=b"two", a=b"one")
    text = lock.render(folder)
    assert text.splitlines()[0] == f"{hashlib.sha256(b'one').hexdigest()}  a.jar"
    assert lock.differences(folder, lock.parse(text)) == []


def test_every_kind_of_difference_is_told(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "lib", a=b"one", b=b"two")
    locked = lock.parse(lock.render(folder))
    (folder / "a.jar").write_bytes(b"onE")
    (folder / "b.jar").rename(folder / "c.jar")
    assert [line.split(" has ")[0] for line in lock.differences(folder, locked)] == [
        "b.jar is missing",
        "c.jar is not in the lock file",
        "a.jar",
    ]


def test_every_engine_of_maven_has_a_lock_that_names_its_version() -> None:
    for engine in FROM_MAVEN:
        names = lock.read(engine)
        assert any(engine.version in name for name in names), engine
        assert all(len(digest) == 64 for digest in names.values())
