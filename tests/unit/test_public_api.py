"""`import headrace`: everything it exports is there, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import headrace


def test_everything_exported_is_there() -> None:
    for name in headrace.__all__:
        assert getattr(headrace, name) is not None
        assert name in dir(headrace)
    with pytest.raises(AttributeError):
        headrace.nothing_of_the_kind  # noqa: B018


def test_importing_it_imports_no_client() -> None:
    program = "import sys, headrace; print([m for m in sys.modules if m in {'psycopg', 'httpx', 'typer'}])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
