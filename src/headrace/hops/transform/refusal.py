"""What the compiler says of SQL it does not take: why, where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot.expressions.core import Expr as Node


@dataclass(frozen=True)
class ViewRefusal:
    """One reason why a view cannot be kept exactly, known before anything starts.

    Attributes:
        reason: what is not taken, and why.
        hint: what to write instead.
        line: line of the SQL text, from 1; None when the whole text is meant.
        needs: the class of views that would be needed (`distinct`, `joins`), None when none is foreseen.
    """

    reason: str
    hint: str
    line: int | None = None
    needs: str | None = None


class Refused(Exception):
    """Leaves the compilation of one part of a view; the others are still looked at."""

    def __init__(self, reason: str, hint: str, *, at: Node | None = None, needs: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.needs = needs
        self.line = None if at is None else line_of(at)

    def refusal(self, around: Node | None = None) -> ViewRefusal:
        """The same as data; `around` gives the line when the construct itself has none."""
        line = self.line if self.line is not None or around is None else line_of(around)
        return ViewRefusal(self.reason, self.hint, line, self.needs)


def line_of(node: Node) -> int | None:
    """The line a part of the SQL stands in; the parser knows it of names only, so of the nearest name."""
    for inner in node.walk():
        line = inner.meta.get("line")
        if isinstance(line, int):
            return line
    parent = node.parent
    while parent is not None:
        line = parent.meta.get("line")
        if isinstance(line, int):
            return line
        parent = parent.parent
    return None
