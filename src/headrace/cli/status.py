"""`headrace status`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.engines.status import EngineStatus, ProjectStatus

_HEADERS = ("ENGINE", "STATE", "PID", "UPTIME", "RESTARTS", "HEAP", "MEMORY", "PORTS")


def status(
    project_directory: ProjectDirectory = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again every second until interrupted.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how the engines stand, and what is not as it should be.

    Reads what the supervisor wrote down and checks it against the processes that are really there; asks no
    engine, so it answers at once also when one hangs. MEMORY is the proportional set size.

    \b
    Example:
      headrace status --watch
    """
    from headrace.cli.project import project_folder

    directory = project_folder(project_directory)
    if watch:
        if json:
            raise HeadraceError(
                "usage", "--watch and --json exclude each other", hint="call `headrace status --json` again"
            )
        _watch(directory)
        return
    seen = _read(directory)
    if json:
        output.answer_json({"ok": True, **seen.as_dict()})
    else:
        output.answer(render(seen))


def render(seen: ProjectStatus) -> str:
    """The answer for people."""
    if not seen.engines:
        return "no engine was started here; `headrace up` does"
    lines = [output.table(_HEADERS, [_row(engine) for engine in seen.engines])]
    lines += [f"{engine.name}: {engine.reason}" for engine in seen.engines if engine.reason]
    memory = _size(seen.memory_bytes) if seen.memory_bytes else "-"
    supervisor = f"supervisor pid {seen.supervisor_pid}; " if seen.supervisor_pid else ""
    lines.append(f"{supervisor}heaps {seen.heap_mb} MB, memory {memory} in all")
    if seen.unsupervised:
        lines.append("! no supervisor: engines run, but nobody starts them again; `headrace up` does")
    for standing in seen.alerts:
        alert = standing.alert
        since = standing.since.strftime("%H:%M:%S")
        lines.append(f"! {alert.severity} since {since} UTC: {alert.summary} [{alert.code}]")
        if alert.hint:
            lines.append(f"    hint: {alert.hint}")
    return "\n".join(lines)


def _read(directory: Path) -> ProjectStatus:
    from headrace.engines import runtime

    return runtime.status(directory)


def _watch(directory: Path) -> None:
    while True:
        text = render(_read(directory))
        if sys.stdout.isatty():
            # Home, then clear what is left of each old line and below: no flicker.
            text = "\x1b[H" + text.replace("\n", "\x1b[K\n") + "\x1b[K\x1b[J"
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        else:
            output.answer(text + "\n")
        time.sleep(1.0)


def _row(engine: EngineStatus) -> tuple[object, ...]:
    ports = ", ".join(str(port) for port in engine.ports.values())
    return (
        engine.name,
        str(engine.state),
        str(engine.pid) if engine.pid else None,
        _duration(engine.uptime_s),
        engine.restarts,
        f"{engine.heap_mb} MB" if engine.heap_mb else None,
        _size(engine.memory_bytes),
        ports or None,
    )


def _duration(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _size(size_bytes: int | None) -> str | None:
    return None if size_bytes is None else f"{size_bytes / 1024**2:.0f} MB"
