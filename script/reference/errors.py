"""docs/reference/errors.md: every error the code can raise on purpose, read from the code itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+|usage|bug")
_MAKER = re.compile(r"error|problem|failure|refus|fail|issue", re.IGNORECASE)
_INTRO = """\
# Errors

What headrace refuses or fails at on purpose, by its code: `error: …` on stderr ends with the code in
brackets, and `--json` carries it as `code`. Codes are stable. `…` stands for a name or a number.
"""


@dataclass(frozen=True, order=True)
class Known:
    """One way an error is raised."""

    code: str
    summary: str
    hint: str
    package: str


def errors_page(source: Path) -> str:
    by_code: dict[str, list[Known]] = {}
    for known in sorted(set(known_errors(source))):
        by_code.setdefault(known.code, []).append(known)
    lines = [_INTRO, "| code | says | remedy | in |", "|---|---|---|---|"]
    for code, ways in by_code.items():
        told = [way for way in ways if way.summary != "…"] or ways
        for index, way in enumerate(told):
            name = f"`{code}`" if index == 0 else ""
            lines.append(f"| {name} | {_cell(way.summary)} | {_cell(way.hint)} | {way.package} |")
    return "\n".join(lines) + "\n"


def known_errors(source: Path) -> Iterator[Known]:
    """Every call that makes an error with a literal code."""
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        package = "/".join(relative.parts[:-1]) or relative.stem
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _MAKER.search(_name(node.func)):
                yield from _known(node, package)


def _known(call: ast.Call, package: str) -> Iterator[Known]:
    arguments = [
        *call.args,
        *(keyword.value for keyword in call.keywords if keyword.arg in ("code", "summary")),
    ]
    hints = [keyword.value for keyword in call.keywords if keyword.arg in ("hint", "remedy")]
    for position, argument in enumerate(arguments):
        codes = [text for text in _constants(argument) if _CODE.fullmatch(text)]
        if not codes:
            continue
        # A Failure says where before it says what.
        texts = [_text(one) for one in arguments[position + (2 if _name(call.func) == "Failure" else 1) :]]
        summary = texts[0] if texts else ""
        hint = _text(hints[0]) if hints else "".join(texts[1:2])
        for code in codes:
            yield Known(code, summary, hint, package)
        return


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _constants(node: ast.expr) -> list[str]:
    branches = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    return [one.value for one in branches if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str) else ""  # None: no hint
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.IfExp):
        return _text(node.body)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
