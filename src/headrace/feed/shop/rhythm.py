"""When the next change is due: at an even rate, or in the rhythm of a day."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SWING = 0.7
"""How far the rate goes up and down around its mean."""


@dataclass(frozen=True)
class Rhythm:
    """A rate of changes that swings once a day and has the mean `changes_per_s` over it.

    Attributes:
        changes_per_s: the mean.
        day_s: how long a day lasts; None for an even rate.
        starts_at_s: the moment of the day at which it begins; 0 is midnight, the quietest.
    """

    changes_per_s: float
    day_s: float | None = None
    starts_at_s: float = 0.0

    def due_s(self, changes: int) -> float:
        """Seconds after the beginning at which change number `changes` is due; nothing adds up or drifts."""
        even = changes / self.changes_per_s
        if self.day_s is None:
            return even
        reach = self.day_s * _SWING / math.tau * 2
        low, high = max(even - reach, 0.0), even + reach
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self._expected(middle) < changes else (low, middle)
        return high

    def _expected(self, elapsed_s: float) -> float:
        """Changes that belong into the first `elapsed_s`: the integral of the rate."""
        assert self.day_s is not None
        turn = math.tau / self.day_s
        swing = math.sin(turn * (self.starts_at_s + elapsed_s)) - math.sin(turn * self.starts_at_s)
        return self.changes_per_s * (elapsed_s - _SWING / turn * swing)
