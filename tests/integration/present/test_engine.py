"""Superset as an engine: it starts from the copied database, survives a kill and ends when asked."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from headrace.engines.folder import ProjectFolder
from headrace.engines.installation import FINISHED, headrace_home
from headrace.engines.superset import metadata_path, remove_data
from headrace.engines.superset_install import (
    SupersetInstallation,
    install_superset,
    is_installed,
    superset_folder,
)
from headrace.errors import HeadraceError
from headrace.hops.present.client import SupersetClient
from tests.integration.present.running import running_superset

pytestmark = [pytest.mark.engines, pytest.mark.slow]

MAXIMUM_PSS_MB = 450


@pytest.fixture(scope="module")
def installation() -> SupersetInstallation:
    return install_superset(headrace_home(), lambda line: None)


def test_it_serves_after_a_kill_and_ends_when_asked(
    installation: SupersetInstallation, tmp_path: Path
) -> None:
    with running_superset(tmp_path, installation) as running:
        assert running.pss_mb() < MAXIMUM_PSS_MB
        password = running.password
        running.kill()
        assert running.service.ready() is not None
        forget_the_user(metadata_path(running.folder))
        running.start()
        with SupersetClient(running.url, password) as client:
            assert client.healthy()
            assert client.list("dashboard") == []
        assert running.stop(), "it had to be killed"


def forget_the_user(metadata: Path) -> None:
    """As after a password that was changed by hand."""
    with closing(sqlite3.connect(metadata)) as connection, connection:
        connection.execute("UPDATE ab_user SET password = 'x', active = 0")


def test_the_template_has_roles_and_no_user(installation: SupersetInstallation) -> None:
    with closing(sqlite3.connect(f"file:{installation.metadata}?mode=ro", uri=True)) as connection:
        roles = {name for (name,) in connection.execute("SELECT name FROM ab_role")}
        assert {"Admin", "Alpha", "Gamma"} <= roles
        assert connection.execute("SELECT count(*) FROM ab_user").fetchone() == (0,)
        may = connection.execute(
            "SELECT count(*) FROM ab_permission_view_role p JOIN ab_role r ON r.id = p.role_id"
            " WHERE r.name = 'Public'"
        ).fetchone()
    assert may == (0,)


def test_the_page_asks_nobody_else(installation: SupersetInstallation) -> None:
    assets = next((installation.folder / "environment").glob("lib/python*/site-packages/superset/static"))
    assert not [path for path in assets.glob("assets/*.js") if "scarf.sh" in path.read_text(errors="replace")]


def test_again_it_does_nothing(installation: SupersetInstallation) -> None:
    lines: list[str] = []
    assert install_superset(headrace_home(), lines.append) == installation
    # Before it, perhaps, that another test is installing.
    assert lines[-1:] == ["superset 6.1.0: complete"]


def test_half_an_installation_is_none(installation: SupersetInstallation) -> None:
    with tempfile.TemporaryDirectory(prefix="headrace-test-home-") as made:
        home = Path(made)
        with pytest.raises(HeadraceError) as caught:
            SupersetInstallation.load(home)
        assert caught.value.hint == "headrace engines install --with superset"
        half = superset_folder(home)
        (half / "environment" / "bin").mkdir(parents=True)
        (half / "environment" / "bin" / "python").symlink_to(installation.python.resolve())
        shutil.copy(installation.metadata, half)
        assert not is_installed(home)
        (half / FINISHED).write_text("0" * 64)
        assert not is_installed(home)
        shutil.copy(installation.folder / FINISHED, half)
        assert is_installed(home)
        (half / "environment" / "bin" / "python").unlink()
        assert not is_installed(home)


def test_its_data_can_be_removed(tmp_path: Path) -> None:
    folder = ProjectFolder.of(tmp_path)
    metadata_path(folder).parent.mkdir(parents=True)
    metadata_path(folder).touch()
    remove_data(folder)
    remove_data(folder)
    assert not metadata_path(folder).parent.exists()
