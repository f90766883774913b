"""`headrace messages`."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli import output
from headrace.cli.options import Json, ProjectDirectory
from headrace.cli.trace import OPS
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.apply.topics import TopicMessages
    from headrace.observe.message import Message

SHOWN = 20
BEGINNING = "beginning"


def messages(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC", help="A declared table or view, by the name people query, or a topic."
        ),
    ],
    project_directory: ProjectDirectory = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show messages as they come, until interrupted.")
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="VALUE", help="Only of this key; again for each further column of it."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="OFFSET|beginning", help="Where to begin, in every partition."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            min=1,
            show_default=False,
            help=f"End after so many. Default: {SHOWN}, none with --follow.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the messages of a topic, decoded: offset, time, operation, key, the row before and after.

    This prints values of rows; masked and excluded columns are not in the topics. Of the committed messages
    it shows the last ones, with --from the first ones from there, with --follow those that come. With --json
    each message is one JSON document on one line.

    \b
    Example:
      headrace messages orders --key 42 --follow
    """
    from headrace.apply.project import open_project

    offset = _offset(start)
    if json:
        output.json_lines()
    with open_project(project_directory).messages(topic, key or ()) as found:
        if follow:
            with closing(found.follow(offset)) as coming:
                output.note(f"following {found.topic} from {'now' if offset is None else offset} on")
                _print(islice(coming, limit), as_json=json)
        elif offset is not None:
            _print_since(found, offset, limit or SHOWN, as_json=json)
        else:
            _print_newest(found, limit or SHOWN, as_json=json)


def _offset(text: str | None) -> int | None:
    if text is None:
        return None
    if text == BEGINNING:
        return 0
    plain = text.replace(",", "")  # as `headrace topics` prints it
    if plain.isascii() and plain.isdigit():
        return int(plain)
    raise HeadraceError(
        "usage",
        f"--from takes an offset or `{BEGINNING}`, not `{text}`",
        hint="`headrace topics` shows where topics begin and end",
    )


def _print_newest(found: TopicMessages, limit: int, *, as_json: bool) -> None:
    newest, whole = found.newest(limit)
    _print(newest, as_json=as_json)
    if len(newest) < limit and not whole:
        output.note("only the newest messages were looked through: --from beginning looks through all")
    elif not newest:
        output.note("no messages")


def _print_since(found: TopicMessages, offset: int, limit: int, *, as_json: bool) -> None:
    with closing(found.since(offset)) as there:
        shown = _print(islice(there, limit), as_json=as_json)
        if not shown:
            output.note("no messages")
        elif next(there, None) is not None:
            output.note(f"and more: --limit shows more than {limit:,}")


def _print(found: Iterable[Message], *, as_json: bool) -> int:
    count = 0
    for message in found:
        if as_json:
            output.answer_json(as_document(message))
        else:
            output.answer(render(message))
        count += 1
    return count


def render(message: Message) -> str:
    """For people: one line that says what it is, then the images, whole, however long they are."""
    what = "message" if message.op is None else OPS.get(message.op, message.op)
    place = f"partition {message.partition} offset {message.offset}"
    key = "no key" if message.key is None else _compact(message.key)
    lines = ["  ".join(part for part in (place, output.moment(message.time_ms), what, key) if part)]
    if message.op is None:
        images = (("value", message.value),)
    else:
        images = (("before", message.before), ("after", message.after))
    lines += [f"    {name:<6}  {_compact(image)}" for name, image in images if image is not None]
    return output.visible("\n".join(lines))


def _compact(value: object) -> str:
    if isinstance(value, str):
        # Text that is no JSON document; a line break in it must not look like the next message.
        return value if "\n" not in value else json_text.dumps(value, ensure_ascii=False)
    return json_text.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_document(message: Message) -> dict[str, object]:
    """The JSON form; `value` is what is no change of a row."""
    return {
        "ok": True,
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "time_ms": message.time_ms,
        "key": message.key,
        "op": message.op,
        "before": message.before,
        "after": message.after,
        "value": message.value,
        "commit_time_ms": message.commit_time_ms,
        "lsn": output.lsn(message.lsn),
        "txid": message.txid,
    }
