"""One set of engines for these tests, Spark among them; the supervisor starts again what a test kills."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.engines.installation import headrace_home
from headrace.engines.request import EngineRequest, RestartPolicy
from headrace.engines.stack import port_names
from headrace.engines.starting import start
from tests.integration.views.project import ViewProject
from tests.running_engines import installed, remove

NAME = "viewtest"
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="package")
def engines() -> Iterator[ViewProject]:
    """A running project without a declaration."""
    installed()
    with tempfile.TemporaryDirectory(prefix="headrace-views-") as made:
        folder = Path(made).resolve()
        folder.chmod(0o755)  # PostgreSQL runs as somebody else when we are root
        request = EngineRequest(
            project=NAME,
            directory=folder,
            home=headrace_home(),
            services="tests.integration.views.services:services",
            optional=("spark",),
            # These tests kill Spark more often than a project gets over.
            restart=RestartPolicy(deaths=50),
        )
        running = ViewProject(folder, NAME)
        running.write(["none"], {"none_seen": "SELECT id FROM none"})
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = str(REPOSITORY)
        try:
            start(request, port_names(request.optional))
            yield running
        finally:
            if known is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = known
            remove(folder)


@pytest.fixture(scope="module")
def empty(engines: ViewProject) -> Iterator[ViewProject]:
    """The project with nothing in it, before and after a module."""
    yield engines
    engines.open().destroy()
    for kind, name in engines.source(
        "SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass::text FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    ):
        engines.execute(f"DROP {kind} {name} CASCADE")
