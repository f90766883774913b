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
    from headrace.observe.tables import TableStatus

_TABLE_HEADERS = ("TABLE", "SOURCE", "CAPTURE", "STATE", "ROWS", "STORED", "BEHIND", "EXACT")
_HEADERS = ("ENGINE", "STATE", "PID", "UPTIME", "RESTARTS", "HEAP", "MEMORY", "PORTS")


def status(
    project_directory: ProjectDirectory = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again every second until interrupted.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how the engines and the tables stand, and what is not as it should be.

    Engines: what the supervisor wrote down, checked against the processes that are really there; MEMORY is
    the proportional set size. Tables, once the engines serve: ROWS that a query counts, STORED versions and
    tombstones, records that Pinot is BEHIND, and whether everything is EXACT: a row that cannot be carried, a
    change of the table at the source and a lost slot say NO, with the reason below.

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
    tables, problem = _tables(directory) if seen.ready else ([], None)
    if json:
        listed = [{**vars(one), "exact": one.exact} for one in tables]
        output.answer_json({"ok": True, **seen.as_dict(), "tables": listed, "tables_problem": problem})
        return
    output.answer(render(seen))
    if tables:
        output.answer("\n" + render_tables(tables))
    if problem:
        output.answer(f"! tables: {problem}")


def render_tables(tables: list[TableStatus]) -> str:
    """The tables for people: one line each, then why one is not exact."""
    lines = [output.table(_TABLE_HEADERS, [_table_row(one) for one in tables])]
    for one in tables:
        lines += [f"! {one.name} is not exact: {reason}" for reason in one.inexact]
        if one.problem:
            lines.append(f"! {one.name}: {one.problem}")
    return "\n".join(lines)


def _table_row(one: TableStatus) -> tuple[object, ...]:
    exact = {True: "yes", False: "NO", None: "?"}[one.exact] if one.status == "live" else None
    rows, stored, behind = (
        None if number is None else f"{number:,}"
        for number in (one.live_rows, one.stored_rows, one.lag_records)
    )
    return (one.name, one.source, one.capture, one.status, rows, stored, behind, exact)


def _tables(directory: Path) -> tuple[list[TableStatus], str | None]:
    """How the tables stand, or why that cannot be told."""
    from headrace.apply.project import open_project
    from headrace.engines.folder import ProjectFolder
    from headrace.engines.watch_loop import read_alerts
    from headrace.observe.tables import table_status

    # Also without a supervisor: what was told last is not undone by nobody looking.
    alerts = [standing.alert for standing in read_alerts(ProjectFolder.of(directory))]
    try:
        project = open_project(directory)
        with project.connections() as connections:
            return table_status(project.name, connections.pinot, connections.kafka, alerts), None
    except HeadraceError as error:
        return [], error.summary


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
