"""What is refused when engines do not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.engines.folder import ProjectFolder
from headrace.engines.status import require_running
from headrace.errors import HeadraceError

RUNNING = {"kafka": True, "spark": False, "superset": False}


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    return ProjectFolder.of(tmp_path)


def test_an_engine_that_starts_again_hinders_only_work_for_all(folder: ProjectFolder) -> None:
    require_running(RUNNING, folder, all_of_them=False)
    with pytest.raises(HeadraceError, match="not running: spark, superset"):
        require_running(RUNNING, folder, all_of_them=True)


@pytest.mark.parametrize("running", [{}, {"kafka": False}])
@pytest.mark.parametrize("all_of_them", [False, True])
def test_where_nothing_runs_nothing_is_done(
    running: dict[str, bool], all_of_them: bool, folder: ProjectFolder
) -> None:
    with pytest.raises(HeadraceError, match="the engines do not run"):
        require_running(running, folder, all_of_them=all_of_them)


def test_all_run(folder: ProjectFolder) -> None:
    require_running({"kafka": True}, folder, all_of_them=True)
