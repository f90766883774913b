"""What is given back at the end of a `with` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """A `with` block ends by closing it, whatever happened inside."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held; of no use afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
