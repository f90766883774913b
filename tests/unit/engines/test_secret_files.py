from __future__ import annotations

import os
from pathlib import Path

from headrace.engines import secret_files
from headrace.engines.folder import ProjectFolder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = ProjectFolder.of(tmp_path)
        password = secret_files.embedded_password(folder)
        path = secret_files.write_password_file(folder, password)
    finally:
        os.umask(before)
    assert [mode(found) for found in sorted(path.parent.iterdir())] == [0o600, 0o600]
    assert mode(path.parent) == 0o700


def test_the_password_stays_and_differs_between_projects(tmp_path: Path) -> None:
    one, two = ProjectFolder.of(tmp_path / "one"), ProjectFolder.of(tmp_path / "two")
    password = secret_files.embedded_password(one)
    assert len(password) >= 32
    assert secret_files.embedded_password(one) == password
    assert secret_files.embedded_password(two) != password


def test_a_changed_password_replaces_the_old_one(tmp_path: Path) -> None:
    folder = ProjectFolder.of(tmp_path)
    secret_files.write_password_file(folder, "old")
    assert secret_files.write_password_file(folder, "n:ew").read_text() == "password=n\\:ew\n"
