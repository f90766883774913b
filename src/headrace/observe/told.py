"""What the watchers have told of a project, and whether they could look at all: read from files."""

from __future__ import annotations

from pathlib import Path

from headrace.engines.folder import ProjectFolder
from headrace.engines.record import read_engines
from headrace.engines.watch_loop import read_alerts, read_alerts_file
from headrace.hops.serve.answer import LOG_LOST
from headrace.hops.topic import marks
from headrace.observe.log_watch import gone
from headrace.observe.watch import Alert

_NEEDED = {
    "catalogue": "the source's catalogue",
    "wal-guard": "the replication slots",
    "logs": "the logs in Kafka",
}
"""The watchers without which nobody can say that a table is exact, and what each looks at."""


def standing(directory: Path) -> list[Alert]:
    """What was told last of a project, also without a supervisor: not undone by nobody looking.

    A lost log is told from its own file: that outlives `down`.
    """
    folder = ProjectFolder.of(directory)
    told = [one.alert for one in read_alerts(folder) if one.alert.code != LOG_LOST]
    return [*told, *(gone(topic, reason) for topic, reason in sorted(marks.lost(folder.root).items()))]


def not_looked_at(directory: Path) -> str | None:
    """Why nobody knows whether tables are exact; None while everything needed for that is looked at."""
    folder = ProjectFolder.of(directory)
    if not read_engines(folder).supervised():
        return "nobody looks at the source: no supervisor runs, `headrace up` starts one"
    looked = read_alerts_file(folder).looked
    missing = [what for name, what in _NEEDED.items() if name not in looked]
    return f"not looked at yet, or not any more: {', '.join(missing)}" if missing else None
