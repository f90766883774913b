"""The generated pages by file name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from script.reference.commands import commands_page
from script.reference.declaration import declaration_page
from script.reference.errors import errors_page
from script.reference.exit_codes import exit_codes_page
from script.reference.types import types_page

from headrace.spec.schema import schema_text

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
NOTICE = "<!-- Written by script/docs from the code: change it there. -->\n"


PAGES: dict[str, Callable[[], str]] = {
    "headrace-yaml.md": lambda: NOTICE + declaration_page(),
    "cli.md": lambda: NOTICE + commands_page(),
    "exit-codes.md": lambda: NOTICE + exit_codes_page(),
    "errors.md": lambda: NOTICE + errors_page(ROOT / "src" / "headrace"),
    "types.md": lambda: NOTICE + types_page(),
    "headrace.schema.json": schema_text,
}
"""What each file should hold now."""
