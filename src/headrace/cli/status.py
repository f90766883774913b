"""`headrace status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.apply.overview import Overview
    from headrace.engines.status import EngineStatus, ProjectStatus
    from headrace.observe.slots import SlotWal
    from headrace.observe.tables import TableStatus

_TABLE_HEADERS = ("TABLE", "SOURCE", "CAPTURE", "STATE", "ROWS", "STORED", "BEHIND", "NEWEST", "EXACT")
_SLOT_HEADERS = ("SLOT", "READ", "WAL KEPT", "LIMIT", "STATE")
_HEADERS = ("ENGINE", "STATE", "PID", "UPTIME", "RESTARTS", "HEAP", "MEMORY", "PORTS")


def status(
    project_directory: ProjectDirectory = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again every second until interrupted.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how engines, tables and slots stand, and what is not as it should be.

    Engines: what the supervisor wrote down, checked against the processes that are really there; MEMORY is
    the proportional set size. Tables, once the engines serve: ROWS that a query counts, STORED versions and
    tombstones, records of the topic that Pinot is BEHIND, how long ago the NEWEST change it has was
    committed, and whether everything is EXACT: a row that cannot be carried, a change of the table at the
    source, a lost slot or log say NO, with the reason below. Slots: whether a connector READs them now, the
    WAL that PostgreSQL keeps for them, and the LIMIT beyond which a slot is lost.

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
    found = _overview(directory, seen)
    if json:
        output.answer_json(
            {
                "ok": True,
                **seen.as_dict(),
                "tables": [{**vars(one), "exact": one.exact} for one in found.tables],
                "tables_problem": found.tables_problem,
                "slots": [vars(one) for one in found.slots],
                "slots_problem": found.slots_problem,
            }
        )
        return
    output.answer(_whole(seen, found))


def _whole(seen: ProjectStatus, found: Overview) -> str:
    """Engines, tables and slots for people."""
    parts = [render(seen)]
    if found.tables:
        parts.append("\n" + render_tables(found.tables))
    if found.tables_problem:
        parts.append(f"! tables: {found.tables_problem}")
    if found.slots:
        parts.append("\n" + render_slots(found.slots))
    if found.slots_problem:
        parts.append(f"! slots: {found.slots_problem}")
    return "\n".join(parts)


def render_slots(slots: Sequence[SlotWal]) -> str:
    """The slots for people: one line each."""
    from headrace.hops.source.probe import megabytes

    return output.table(
        _SLOT_HEADERS,
        [
            (
                one.name,
                "yes" if one.active else "NO",
                megabytes(one.kept_bytes),
                "none" if one.limit_bytes is None else megabytes(one.limit_bytes),
                one.wal_status,
            )
            for one in slots
        ],
    )


def render_tables(tables: Sequence[TableStatus]) -> str:
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
    source = one.source.removeprefix("public.")  # as it may be written in headrace.yaml
    return (one.name, source, one.capture, one.status, rows, stored, behind, _age(one), exact)


def _age(one: TableStatus) -> str | None:
    """How long ago the newest change was committed, by the source's clock and ours."""
    if one.newest_commit_time_ms is None:
        return None
    return _duration(max(0.0, time.time() - one.newest_commit_time_ms / 1000))


def _overview(directory: Path, seen: ProjectStatus) -> Overview:
    """How tables, once every engine serves, and slots stand, or why that cannot be told."""
    from headrace.apply.overview import Overview, overview
    from headrace.apply.project import open_project

    if not any(engine.pid for engine in seen.engines):
        return Overview()
    try:
        return overview(open_project(directory), tables=seen.ready)
    except HeadraceError as error:
        return Overview(tables_problem=error.summary)


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
        seen = _read(directory)
        text = _whole(seen, _overview(directory, seen))
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
