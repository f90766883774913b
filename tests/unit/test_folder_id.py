"""The id that tells two folders of one project's name apart."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from headrace.apply.owner import FILE_NAME, folder_id


def test_it_stays_the_same_and_is_another_elsewhere(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    first = folder_id(one)
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert (folder_id(one), folder_id(other) != first) == (first, True)
    assert (one / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_commands_that_begin_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: folder_id(tmp_path), range(40)))
    assert found == {folder_id(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
