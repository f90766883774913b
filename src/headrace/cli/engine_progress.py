"""How `up` and `down` show the engines on stderr: a line that moves on a terminal, else a line per change."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from headrace.cli import output
from headrace.engines.lifecycle import EnginesSeen, Event, Note
from headrace.engines.record import EngineRecord, EngineState

_COLOURS = {
    EngineState.READY: "green",
    EngineState.FAILED: "red",
    EngineState.BACKING_OFF: "yellow",
    EngineState.STOPPED: "dim",
}


@dataclass
class EngineProgress:
    """A `Progress` of the engines' lifecycle; use it as a context, so that the terminal is left in order.

    Attributes:
        untold: states not worth a line.
    """

    untold: frozenset[EngineState] = frozenset()
    _live: Live | None = None
    _began: float = field(default_factory=time.monotonic)
    _states: dict[str, tuple[EngineState, str | None]] = field(
        default_factory=dict[str, tuple[EngineState, str | None]]
    )

    def __enter__(self) -> EngineProgress:
        if sys.stderr.isatty():
            console = Console(stderr=True, no_color=not output.colour())
            self._live = Live(console=console, refresh_per_second=8, redirect_stdout=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Note):
            self._say(event.text)
        elif self._live is not None:
            self._live.update(self._table(event))
        else:
            self._lines(event)

    def _say(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(output.visible(text), markup=False, highlight=False)
        else:
            output.note(text)

    def _lines(self, event: EnginesSeen) -> None:
        for record in event.engines:
            told = (record.state, record.reason)
            if self._states.get(record.name) == told:
                continue
            self._states[record.name] = told
            if record.state in self.untold:
                continue
            seconds = time.monotonic() - self._began
            output.note(f"[{seconds:5.1f} s] {record.name}: {_text(record)}")

    def _table(self, event: EnginesSeen) -> Table:
        table = Table.grid(padding=(0, 2))
        for record in event.engines:
            colour = _COLOURS.get(record.state, "cyan")
            reason = output.visible(record.reason or "")
            table.add_row(record.name, f"[{colour}]{record.state}[/]", reason.replace("[", "\\["))
        return table


def _text(record: EngineRecord) -> str:
    return f"{record.state}: {record.reason}" if record.reason else str(record.state)
