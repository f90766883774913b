"""The planner touches no system: what it imports is listed, so it cannot begin to."""

from __future__ import annotations

import ast
from pathlib import Path

import headrace.plan

PACKAGE = Path(headrace.plan.__file__).parent

ALLOWED_STANDARD = {"__future__", "collections", "dataclasses", "enum", "graphlib", "hashlib", "json", "re"}
ALLOWED_STANDARD |= {"textwrap", "typing"}
ALLOWED_HEADRACE = ("headrace.plan", "headrace.contract", "headrace.names", "headrace.errors")
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}


def test_the_planner_imports_nothing_that_can_reach_a_system() -> None:
    modules = sorted(PACKAGE.glob("*.py"))
    assert len(modules) > 5
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            for name in _imported(node):
                allowed = name.split(".")[0] in ALLOWED_STANDARD or name.startswith(ALLOWED_HEADRACE)
                assert allowed, f"{module.name} imports {name}"


def test_the_planner_calls_nothing_that_reads_or_writes() -> None:
    for module in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in FORBIDDEN_CALLS, f"{module.name} calls {node.func.id}"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []
