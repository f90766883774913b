"""`headrace topics`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory

if TYPE_CHECKING:
    from headrace.observe.topics import ShownTopic, Topics, TopicUse

HEADERS = ("TOPIC", "PART", "FIRST", "NEXT", "SIZE", "HOLDS")
_INDENT = "    "


def topics(
    project_directory: ProjectDirectory = None,
    everything: Annotated[
        bool,
        typer.Option("--all", "-a", help="Those too that serve Kafka, Connect and the captures themselves."),
    ] = False,
    json: Json = False,
) -> None:
    """Show the brokers and the topics: where each partition begins and ends, its size, what it holds.

    FIRST is the oldest offset that is still there, NEXT the one that the next message gets; offsets count the
    marks of transactions too, so there are fewer messages than that. SIZE is what lies on the brokers' disks.
    Settings are listed where they differ from the brokers' own.

    \b
    Example:
      headrace topics --all
    """
    from headrace.apply.project import open_project

    found = open_project(project_directory).topics()
    shown = [one for one in found.topics if everything or not one.use.serves]
    if json:
        output.answer_json(as_document(found, shown))
        return
    output.answer(render(found, shown))
    hidden = len(found.topics) - len(shown)
    if hidden:
        output.note(f"and {hidden} that serve Kafka, Connect and the captures themselves: --all shows them")


def render(found: Topics, shown: list[ShownTopic]) -> str:
    """The answer for people: brokers, a line for each partition, then the settings."""
    lines = [
        f"broker {one.number} at {one.host}:{one.port}{', controller' if one.is_controller else ''}"
        for one in found.brokers
    ]
    parts = ["\n".join(lines)]
    rows: list[tuple[object, ...]] = []
    for topic in shown:
        for place, part in enumerate(topic.state.partitions):
            name, holds = (topic.state.name, _holds(topic.use)) if place == 0 else ("", "")
            rows.append((name, part.number, part.first, part.next, _size(part.size_bytes), holds))
    parts.append(output.table(HEADERS, rows) if rows else "no topics: `headrace apply` makes them")
    settings = _settings(shown)
    if settings:
        parts.append("\n".join(settings))
    if found.problem:
        parts.append(f"! whether tables are live could not be asked: {found.problem}")
    return "\n\n".join(parts)


def _holds(use: TopicUse) -> str:
    if use.name is not None:
        kind = "view " if use.use == "view" else ""
        return f"{kind}{use.name}{f', {use.status}' if use.status else ''}"
    if use.serves and use.generation is not None:
        return f"{use.use} ({use.generation})"
    return use.use.value if use.serves else "-"


def _settings(shown: list[ShownTopic]) -> list[str]:
    """Topics with the same settings together, each kept within the width."""
    groups: dict[str, list[str]] = {}
    for topic in shown:
        text = ", ".join(f"{name}={value}" for name, value in topic.state.settings.items())
        if text:
            groups.setdefault(text, []).append(topic.state.name)
    lines: list[str] = []
    for text, names in groups.items():
        wide = output.width()
        lines += textwrap.wrap(f"set on {', '.join(names)}:", wide, break_on_hyphens=False)
        lines += textwrap.wrap(
            text, wide, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
        )
    return [output.visible(line) for line in lines]


def _size(size_bytes: int | None) -> str | None:
    from headrace.observe.whereabouts import size

    return None if size_bytes is None else size(size_bytes)


def as_document(found: Topics, shown: list[ShownTopic]) -> dict[str, object]:
    """The JSON form."""
    return {
        "ok": True,
        "brokers": [
            {"id": one.number, "host": one.host, "port": one.port, "controller": one.is_controller}
            for one in found.brokers
        ],
        "topics": [_document(one) for one in shown],
        "problem": found.problem,
    }


def _document(topic: ShownTopic) -> dict[str, object]:
    state, use = topic.state, topic.use
    return {
        "topic": state.name,
        "holds": use.use.value,
        "name": use.name,
        "generation": use.generation,
        "status": use.status,
        "size_bytes": state.size_bytes,
        "settings": dict(state.settings),
        "partitions": [
            {
                "partition": part.number,
                "first_offset": part.first,
                "next_offset": part.next,
                "written_offset": part.written,
                "size_bytes": part.size_bytes,
            }
            for part in state.partitions
        ],
    }
