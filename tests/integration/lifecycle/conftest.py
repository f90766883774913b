"""A project whose engines are small servers; whatever it started is gone after the test."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from headrace.engines.process import kill, marked
from tests.integration.lifecycle.small_project import SmallProject

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[str], SmallProject]]:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    made: list[SmallProject] = []

    def make(name: str) -> SmallProject:
        directory = tmp_path / name
        directory.mkdir()
        project = SmallProject(directory.resolve())
        made.append(project)
        return project

    yield make
    for project in made:
        left = kill(marked(project.directory))
        assert not left


@pytest.fixture
def project(make_project: Callable[[str], SmallProject]) -> SmallProject:
    return make_project("shop")
