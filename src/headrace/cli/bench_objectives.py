"""What the numbers of `headrace bench` should reach on two processors, shown beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import typer

from headrace.cli import output
from headrace.errors import ExitCode


@dataclass(frozen=True)
class Objective:
    """What a number should reach.

    Attributes:
        number: its name in the medians.
        what: what it is, for people.
        unit: behind the number; empty for a ratio.
        least: whether `limit` is the least it should be; otherwise the most.
    """

    number: str
    what: str
    limit: float
    unit: str = ""
    least: bool = False

    def __str__(self) -> str:
        amount = f"{self.limit:,g} {self.unit}".rstrip()
        return f"{'at least' if self.least else 'at most'} {amount}"

    def reached(self, medians: Mapping[str, object]) -> bool | None:
        """Whether the median reaches it; None when it was not measured."""
        found = medians.get(self.number)
        if not isinstance(found, int | float):
            return None
        return found >= self.limit if self.least else found <= self.limit


def document(objectives: Sequence[Objective], medians: Mapping[str, object]) -> dict[str, object]:
    """The JSON form, by the name of the number."""
    return {
        one.number: {
            "at_least" if one.least else "at_most": one.limit,
            "reached": one.reached(medians),
        }
        for one in objectives
    }


def tell(objectives: Sequence[Objective], medians: Mapping[str, object]) -> None:
    """Print a line for every number that was measured, beside what it should be, then `end`."""
    for one in objectives:
        reached = one.reached(medians)
        if reached is not None:
            found = f"{medians[one.number]:,g} {one.unit}".rstrip()
            output.answer(f"{'reached' if reached else 'not reached'}: {one.what} {found} ({one})")
    end(objectives, medians)


def end(objectives: Sequence[Objective], medians: Mapping[str, object]) -> None:
    """End the command with exit code 4 when a number that was measured is not what it should be."""
    if any(one.reached(medians) is False for one in objectives):
        raise typer.Exit(int(ExitCode.OBJECTIVE_MISSED))
