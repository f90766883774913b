from __future__ import annotations

from pathlib import Path

import pytest

from headrace.spec.load import load
from headrace.spec.starter import project_name
from tests.cli.command_line import expect_snapshot, run_headrace


def test_init_writes_a_file_that_validates(tmp_path: Path) -> None:
    outcome = run_headrace("init", "shop", folder=tmp_path)
    expect_snapshot("init", outcome.render(tmp_path))
    expect_snapshot("init_file", (tmp_path / "shop" / "headrace.yaml").read_text())
    assert run_headrace("validate", "-C", "shop", folder=tmp_path).exit_code == 0
    assert (tmp_path / "shop" / ".headrace" / ".gitignore").read_text() == "*\n"


def test_init_takes_names(tmp_path: Path) -> None:
    outcome = run_headrace(
        "init",
        "--project",
        "p1",
        "-t",
        "orders",
        "-t",
        "sales.it's",
        "-t",
        "заказы x",
        "--json",
        folder=tmp_path,
    )
    # A name without a single Latin letter needs a served name, so it cannot stand in the list.
    assert outcome.exit_code == 0, outcome
    declaration = load(tmp_path / "headrace.yaml")
    assert list(declaration.tables) == ["orders", "sales.it's", "заказы x"]
    expect_snapshot("init_names_json", outcome.render(tmp_path))


def test_init_refuses_to_overwrite(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text("mine")
    outcome = run_headrace("init", folder=tmp_path)
    expect_snapshot("init_exists", outcome.render(tmp_path))
    assert (tmp_path / "headrace.yaml").read_text() == "mine"
    dangling = tmp_path / "other"
    dangling.mkdir()
    (dangling / "headrace.yaml").symlink_to(tmp_path / "elsewhere")
    assert run_headrace("init", "other", folder=tmp_path).exit_code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_init_refuses_bad_names_before_it_writes(tmp_path: Path) -> None:
    expect_snapshot(
        "init_bad_project", run_headrace("init", "--project", "My Shop", folder=tmp_path).render(tmp_path)
    )
    expect_snapshot(
        "init_bad_table", run_headrace("init", "-t", "pg_catalog.x", folder=tmp_path).render(tmp_path)
    )
    assert list(tmp_path.iterdir()) == []


def test_init_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    expect_snapshot("init_in_a_file", run_headrace("init", "file", folder=tmp_path).render(tmp_path))


@pytest.mark.parametrize(
    ("folder", "project"),
    [
        ("shop", "shop"),
        ("My Shop-2", "my_shop_2"),
        ("2024-data", "data"),
        ("заказы", "shop"),
        ("x" * 50, "x" * 30),
    ],
)
def test_project_name(folder: str, project: str) -> None:
    assert project_name(folder) == project
