"""Where each part of the declaration stands in its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.errors import Where


@dataclass(frozen=True)
class Places:
    """Lines by address; an address is the path of keys with dots between (`tables.orders.key`).

    `blocks` has, for a literal block (`|`), the line its text begins in.
    """

    file: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    blocks: Mapping[str, int] = field(default_factory=dict[str, int])

    def where_in_text(self, address: str, line: int) -> Where:
        """The place of a line (from 1) of a text; of the whole text where it is no literal block."""
        first = self.blocks.get(address)
        return self.where(address) if first is None else Where(self.file, first + line - 1, address)

    def where(self, address: str) -> Where:
        """The place of that address, or of the nearest part around it that the file holds."""
        if self.file is None:
            return Where(address=address)
        probe = address
        while probe and probe not in self.lines:
            probe = probe.rpartition(".")[0]
        return Where(file=self.file, line=self.lines.get(probe), address=address)
