"""`headrace trace`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory, Timeout
from headrace.errors import ExitCode

if TYPE_CHECKING:
    from headrace.observe.trace import CaptureLook, Change, ServeLook, Trace, ViewLook

HEADERS = ("HOP", "WHAT IT KNOWS", "POSITION", "TIME (UTC)")
RESULTS_SHOWN = 5
"""Results of a view printed by key; `--json` has all."""

Line = tuple[str, str, str, str]
Rest = tuple[str, str, str]

OPS = {"r": "snapshot", "c": "insert", "u": "update", "d": "delete", "t": "truncate"}
_KINDS = {0: "row", 1: "tombstone", 2: "set aside", 3: "truncated", 4: "set aside"}
_KIND_WORDS = {0: "row", 1: "tombstone", 2: "reject", 3: "truncate", 4: "reject"}


def trace(
    table: Annotated[str, typer.Argument(metavar="TABLE")],
    key: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="A value for each column of the key, in its order.")
    ],
    project_directory: ProjectDirectory = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the row's last change is everywhere, for --timeout.")
    ] = False,
    timeout: Timeout = 30.0,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Print the row's values too, masked columns never.")
    ] = False,
    json: Json = False,
) -> None:
    """Show where one row is: what each hop knows of it, at which position, since when.

    A key of several columns is several arguments; a value that begins with - comes behind --. Takes no lock
    and writes nothing but, when it must tell a gap from a delay, a message into the WAL. Exits with 5 when
    hops that should agree do not, and with 4 when --wait has waited in vain.

    \b
    Example:
      headrace trace orders 42
      headrace trace order_lines 42 'blue, large' --wait
      headrace trace readings -- -7
    """
    from headrace.apply.project import open_project
    from headrace.observe.trace import Place
    from headrace.observe.whereabouts import verdict

    project = open_project(project_directory)
    found = project.trace(project.named(table), key, wait_s=timeout if wait else None, values=show_values)
    if json:
        output.answer_json(as_document(found))
    else:
        output.answer(render(found))
    place = verdict(found).place
    if place is Place.APART:
        raise typer.Exit(int(ExitCode.DATA_DIFFER))
    if wait and place not in (Place.EVERYWHERE, Place.NOWHERE):
        output.warn(f"after {timeout:.0f} s the row's last change is not everywhere")
        raise typer.Exit(int(ExitCode.OBJECTIVE_MISSED))


# -- for people ---------------------------------------------------------------------------------------------


def render(found: Trace) -> str:
    """The sentence first, then a line or two for each hop, then what does not fit into a table."""
    from headrace.observe.whereabouts import verdict

    lines = [
        *_hop("source", _source(found)),
        *_hop("capture", _capture(found.capture)),
        *_hop("topic", _topic(found)),
        *_hop("serve", _serve(found.serve)),
    ]
    for view in found.views:
        lines += _hop(view.name, _view(view, found.newest))
    title = f"{found.table} ({', '.join(found.key)}): {verdict(found).sentence}"
    parts = ["\n".join(textwrap.wrap(title, output.width())), output.table(HEADERS, lines)]
    notes = _notes(found)
    if notes:
        parts.append("\n".join(notes))
    if found.values is not None:
        parts.append(_values(found))
    return "\n\n".join(parts)


def _hop(name: str, lines: list[Rest]) -> list[Line]:
    return [(name if number == 0 else "", *line) for number, line in enumerate(lines)]


def _source(found: Trace) -> list[Rest]:
    source = found.source
    if source.problem:
        return [("could not be asked", "", "")]
    what = f"row, by transaction {source.xmin}" if source.present else "no such row"
    lines = [(what, f"WAL {output.lsn(source.lsn)}", output.moment(source.time_ms))]
    if source.commit_time_ms is not None:
        lines.append(("", "committed", output.moment(source.commit_time_ms)))
    return lines


def _capture(capture: CaptureLook) -> list[Rest]:
    if capture.connector_state is None:
        what = "could not be asked" if capture.problem else "no connector"
    elif capture.runs:
        what = "reads the first snapshot" if capture.in_snapshot else "running"
    else:
        what = f"{capture.connector_state}, task {capture.task_state or 'missing'}"
    behind = "" if capture.behind_bytes is None else f"{_size(capture.behind_bytes)} behind"
    if capture.confirmed_lsn is None:
        return [(what, "", behind)]
    lines = [(what, f"confirmed {output.lsn(capture.confirmed_lsn)}", behind)]
    return [*lines, ("", f"restart {output.lsn(capture.restart_lsn)}", "")]


def _topic(found: Trace) -> list[Rest]:
    topic, change = found.topic, found.topic.newest
    if topic.problem:
        return [("could not be asked", "", "")]
    if change is None:
        return [("none among the newest records" if topic.bounded else "no record", "", "")]
    at = f"partition {change.partition} offset {change.offset}"
    what = OPS.get(change.op, change.op)
    committed = "" if change.op == "r" else output.moment(change.commit_time_ms)
    lines = [(f"{what}, transaction {change.txid}", f"LSN {output.lsn(change.lsn)}", committed)]
    if change.kafka_time_ms is None:
        return [*lines, ("no longer in Kafka", at, "")]
    after = change.commit_to_kafka_ms
    took = "" if after is None else f"in Kafka after {after:,} ms"
    return [*lines, (took, at, output.moment(change.kafka_time_ms))]


def _serve(serve: ServeLook) -> list[Rest]:
    if serve.problem:
        return [("could not be asked", "", "")]
    reached = ", ".join(f"{offset}" for _, offset in sorted(serve.reached.items()))
    at = f"next offset {reached}" if reached else ""
    change = serve.newest
    if change is None:
        return [("nothing stored of this key", at, "")]
    answers = serve.answering == change.offset
    what = _KINDS[change.kind] + (", answers" if answers else ", in no answer")
    lines = [(what, f"offset {change.offset} document {serve.document}", "")]
    return [*lines, (_counted(serve.versions, "version") + " stored", at, "")]


def _view(view: ViewLook, newest: Change | None) -> list[Rest]:
    if view.computed_below is None:
        return [("could not be asked", "", "")]
    holds = None if newest is None else view.computed_below > newest.offset
    what = "-" if holds is None else "has this record" if holds else "does not have this record yet"
    behind = "" if view.behind_records is None else f"{view.behind_records:,} to read"
    lines = [(what, f"computed to offset {view.computed_below}", behind)]
    if holds:
        count = _counted(len(view.changed), "result") + " changed by it"
        lines.append((count if view.changed else "no result changed by it alone", "", ""))
    return lines


def _notes(found: Trace) -> list[str]:
    notes: list[str] = []
    serve, source = found.serve, found.source
    if source.present and source.commit_time_ms is None:
        known = "does not know when any more" if source.keeps_commit_times else "keeps no commit times"
        setting = "" if source.keeps_commit_times else " (track_commit_timestamp is off)"
        notes.append(f"source: PostgreSQL {known}{setting}")
    if serve.segment:
        notes.append(f"serve: in segment {serve.segment} on {serve.server}")
    if serve.reason:
        notes.append(f"serve: {serve.reason}")
    if found.topic.bounded:
        notes.append("topic: only the newest records behind Pinot's position were looked at")
    for view in found.views:
        for result in view.changed[:RESULTS_SHOWN]:
            became = (
                "gone" if result.kind == 1 else "as it is now" if result.answers else "changed again since"
            )
            notes.append(f"{view.name}: {_KINDS[result.kind]} {result.key or 'of a group'}, {became}")
        if len(view.changed) > RESULTS_SHOWN:
            notes.append(f"{view.name}: and {len(view.changed) - RESULTS_SHOWN:,} more")
    hops: list[tuple[str, str | None]] = [
        ("source", source.problem),
        ("capture", found.capture.problem),
        ("topic", found.topic.problem),
        ("serve", serve.problem),
        *((view.name, view.problem) for view in found.views),
    ]
    return notes + [f"! {name}: {problem}" for name, problem in hops if problem]


def _values(found: Trace) -> str:
    assert found.values is not None
    values = found.values
    if not any((values.source, values.topic, values.serve)):
        return "no hop holds a row of this key"
    rows = [
        (name, _value(values.source, name), _value(values.topic, name), _value(values.serve, name))
        for name in values.columns
    ]
    return output.table(("COLUMN", "SOURCE", "TOPIC", "SERVE"), rows)


def _value(held: Mapping[str, object] | None, name: str) -> str:
    if held is None or name not in held:
        return ""
    value = held[name]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "NULL" if value is None else f"{value}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _size(size_bytes: int) -> str:
    from headrace.observe.whereabouts import size

    return size(size_bytes)


# -- for machines -------------------------------------------------------------------------------------------


def as_document(found: Trace) -> dict[str, object]:
    """The JSON form; LSNs as PostgreSQL prints them, times in milliseconds since 1970."""
    from headrace.observe.whereabouts import verdict

    seen = verdict(found)
    source, capture, topic, serve = found.source, found.capture, found.topic, found.serve
    document: dict[str, object] = {
        "ok": True,
        "table": str(found.table),
        "key": dict(zip(found.key_columns, found.key, strict=True)),
        "place": seen.place.value,
        "verdict": seen.sentence,
        "source": {
            "present": None if source.problem else source.present,
            "xmin": source.xmin,
            "wal_lsn": output.lsn(source.lsn),
            "time_ms": source.time_ms,
            "commit_time_ms": source.commit_time_ms,
            "track_commit_timestamp": None if source.problem else source.keeps_commit_times,
            "problem": source.problem,
        },
        "capture": {
            "connector": capture.connector,
            "state": capture.connector_state,
            "task": capture.task_state,
            "in_snapshot": capture.in_snapshot,
            "slot": capture.slot,
            "confirmed_lsn": output.lsn(capture.confirmed_lsn),
            "restart_lsn": output.lsn(capture.restart_lsn),
            "behind_bytes": capture.behind_bytes,
            "fence_passed": capture.fenced,
            "problem": capture.problem,
        },
        "topic": {
            "topic": topic.topic,
            "newest": _change(topic.newest),
            "ends": {str(partition): end for partition, end in topic.ends.items()},
            "bounded": topic.bounded,
            "problem": topic.problem,
        },
        "serve": {
            "table": serve.physical,
            "next_offsets": {str(partition): offset for partition, offset in serve.reached.items()},
            "newest": _change(serve.newest),
            "versions": serve.versions,
            "answering_offset": serve.answering,
            "answers": serve.newest is not None and serve.answering == serve.newest.offset,
            "segment": serve.segment,
            "document": serve.document,
            "server": serve.server,
            "reason": serve.reason or None,
            "problem": serve.problem,
        },
        "views": [_view_document(view, found.newest) for view in found.views],
    }
    if found.values is not None:
        values = found.values
        document["values"] = {
            "source": values.source,
            "topic": values.topic,
            "serve": values.serve,
        }
    return document


def _change(change: Change | None) -> dict[str, object] | None:
    if change is None:
        return None
    return {
        "partition": change.partition,
        "offset": change.offset,
        "kind": _KIND_WORDS[change.kind],
        "op": change.op,
        "lsn": output.lsn(change.lsn),
        "txid": change.txid,
        "commit_time_ms": change.commit_time_ms,
        "kafka_time_ms": change.kafka_time_ms,
        "commit_to_kafka_ms": change.commit_to_kafka_ms,
    }


def _view_document(view: ViewLook, newest: Change | None) -> dict[str, object]:
    return {
        "view": view.name,
        "capture": view.capture,
        "computed_below": view.computed_below,
        "holds": None if newest is None else view.holds(newest.offset),
        "behind_records": view.behind_records,
        "changed": [
            {"key": one.key, "kind": _KIND_WORDS[one.kind], "answers": one.answers} for one in view.changed
        ],
        "problem": view.problem,
    }
