"""`import headrace`: everything it exports is there, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import headrace


def test_everything_exported_is_there() -> None:
    for name in headrace.__all__:
        assert getattr(headrace, name) is not None
        assert name in dir(headrace)
    with pytest.raises(AttributeError):
        headrace.nothing_of_the_kind  # noqa: B018


def test_a_project_is_begun_and_checked(tmp_path: Path) -> None:
    path = headrace.init(tmp_path / "shop", tables=["orders", "sales.items"])
    shop = headrace.open_project(path.parent)
    assert shop.name == "shop"
    declared = [one.table for one in shop.declaration.declared]
    assert declared == [headrace.TableName("public", "orders"), headrace.TableName("sales", "items")]
    assert shop.grants() == ()
    with pytest.raises(headrace.HeadraceError, match="is there already"):
        headrace.init(tmp_path / "shop")
    with pytest.raises(headrace.HeadraceErrors):
        headrace.init(tmp_path / "other", project="Not A Name")
    assert not (tmp_path / "other").exists()
    path.write_text("project: shop\n")
    with pytest.raises(headrace.HeadraceErrors):
        headrace.open_project(path.parent)


def test_every_name_is_on_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "python.md").read_text()
    for name in set(headrace.__all__) - {"Plan", "Project", "__version__"}:
        assert name in page, name


def test_importing_it_imports_no_client() -> None:
    program = "import sys, headrace; print([m for m in sys.modules if m in {'psycopg', 'httpx', 'typer'}])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
