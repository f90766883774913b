"""docs/reference/errors.md: every error the code can raise on purpose, read from the code itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
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
    """Every call that makes an error with a literal code, and every line of a table of known failures."""
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        package = "/".join(relative.parts[:-1]) or relative.stem
        tree = ast.parse(path.read_text(encoding="utf-8"))
        makers = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _is_error(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Tuple):
                yield from _line_of_a_table(node.elts, package)
            elif isinstance(node, ast.Call):
                yield from _line_of_a_table(node.args, package)
                if _MAKER.search(_name(node.func)) or _name(node.func) in makers:
                    yield from _known(node, package)
            elif isinstance(node, ast.ClassDef):
                yield from _default_of_a_class(node, package)


def _is_error(node: ast.ClassDef) -> bool:
    return any(_name(base) == "HeadraceError" for base in node.bases)


def _default_of_a_class(node: ast.ClassDef, package: str) -> Iterator[Known]:
    """`code: str = "…"` of a dataclass; what it means is what the class says of itself."""
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and _name(part.target) == "code" and part.value:
            says = (ast.get_docstring(node) or "").partition("\n")[0].rstrip(".")
            yield from (
                Known(code, says[:1].lower() + says[1:], "…", package) for code in _constants(part.value)
            )


def _line_of_a_table(elements: Sequence[ast.expr], package: str) -> Iterator[Known]:
    """A sign in somebody else's words, the code, what it means, what to do."""
    texts = [_text(one) for one in elements if isinstance(one, ast.Constant | ast.BinOp)]
    if len(texts) == 4 and _CODE.fullmatch(texts[1]) and " " in texts[2] and " " in texts[3]:
        summary, hint = (re.sub(r"\{\w+\}", "…", text) for text in texts[2:])
        yield Known(texts[1], summary, hint, package)


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
