"""`headrace consumers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory

if TYPE_CHECKING:
    from headrace.hops.capture.failure import Failure
    from headrace.hops.capture.probe import ConnectorStatus
    from headrace.observe.readers import Consumers, Position, Reader

HEADERS = ("TOPIC", "PART", "READER", "NEXT", "LAG", "STATE")
CONNECTOR_HEADERS = ("CONNECTOR", "STATE", "TASK", "STATE", "WORKER")


def consumers(project_directory: ProjectDirectory = None, json: Json = False) -> None:
    """Show who reads the topics and how far they are, and the connectors that write them.

    Pinot and Spark keep their positions themselves and belong to no group; groups are those of others. NEXT
    is the offset that is read next, LAG the offsets from there to the last message.

    \b
    Example:
      headrace consumers
    """
    from headrace.apply.project import open_project

    found = open_project(project_directory).consumers()
    if json:
        output.answer_json(as_document(found))
    else:
        output.answer(render(found))


def render(found: Consumers) -> str:
    """The answer for people: readers by topic, connectors with their tasks, then what is wrong."""
    rows: list[tuple[object, ...]] = [
        (at.topic, at.partition, _title(reader), at.next, at.lag, at.state or reader.state)
        for reader, at in _by_topic(found)
    ]
    rows += [("-", None, _title(one), None, None, one.state) for one in found.readers if not one.positions]
    parts = [output.table(HEADERS, rows) if rows else "nobody reads the topics"]
    if found.connectors:
        lines = [line for one in found.connectors for line in _connector(one)]
        parts.append(output.table(CONNECTOR_HEADERS, lines))
    notes = [f"! {_title(one)}: {one.problem}" for one in found.readers if one.problem]
    for one in found.connectors:
        if one.failure is not None:
            notes.append(f"! {one.name}: {one.failure.summary} ({one.failure.cause}) [{one.failure.code}]")
            notes.append(f"    hint: {one.failure.hint}")
    notes += [f"! {system} could not be asked: {problem}" for system, problem in found.problems]
    if notes:
        parts.append(output.visible("\n".join(notes)))
    return "\n\n".join(parts)


def _by_topic(found: Consumers) -> list[tuple[Reader, Position]]:
    pairs = [(reader, at) for reader in found.readers for at in reader.positions]
    return sorted(pairs, key=lambda pair: (pair[1].topic, pair[1].partition, pair[0].kind, pair[0].name))


def _title(reader: Reader) -> str:
    if reader.served_name is not None:
        return f"{reader.kind} {reader.served_name} ({reader.generation})"
    members = (
        "" if reader.members is None else f", {reader.members} member{'' if reader.members == 1 else 's'}"
    )
    return f"{reader.kind} {reader.name}{members}"


def _connector(one: ConnectorStatus) -> list[tuple[object, ...]]:
    if not one.tasks:
        return [(one.name, one.state, None, None, one.worker)]
    return [
        (
            one.name if place == 0 else "",
            one.state if place == 0 else "",
            task.number,
            task.state,
            task.worker,
        )
        for place, task in enumerate(one.tasks)
    ]


def as_document(found: Consumers) -> dict[str, object]:
    """The JSON form."""
    return {
        "ok": True,
        "readers": [
            {
                "kind": reader.kind.value,
                "name": reader.name,
                "served_name": reader.served_name,
                "generation": reader.generation,
                "state": reader.state or None,
                "members": reader.members,
                "problem": reader.problem,
                "positions": [
                    {
                        "topic": at.topic,
                        "partition": at.partition,
                        "next_offset": at.next,
                        "end_offset": at.end,
                        "lag": at.lag,
                        "state": at.state or None,
                    }
                    for at in reader.positions
                ],
            }
            for reader in found.readers
        ],
        "connectors": [
            {
                "connector": one.name,
                "state": one.state,
                "worker": one.worker,
                "failure": _failure(one.failure),
                "tasks": [
                    {
                        "task": task.number,
                        "state": task.state,
                        "worker": task.worker,
                        "failure": _failure(task.failure),
                    }
                    for task in one.tasks
                ],
            }
            for one in found.connectors
        ],
        "problems": [{"system": system, "problem": problem} for system, problem in found.problems],
    }


def _failure(why: Failure | None) -> dict[str, object] | None:
    if why is None:
        return None
    return {"code": why.code, "summary": why.summary, "cause": why.cause, "hint": why.hint}
