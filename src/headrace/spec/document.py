"""From the text of headrace.yaml to plain data, with the line of every part.

Promise: only plain data comes out (mappings with text keys, lists, text, numbers, true/false, null); a tag,
an alias or a deep nest is refused before it can cost anything. Every duplicate key is found, and the first
syntax error, each with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from headrace.errors import HeadraceError, HeadraceErrors, Where
from headrace.spec.secret import redact

MAX_BYTES = 1_000_000
MAX_DEPTH = 12

Address = tuple[str | int, ...]

_INT = re.compile(r"^[-+]?[0-9]{1,18}$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass
class Document:
    """Plain data and where each part of it begins; `data` is None for a file that says nothing.

    `blocks` has the line in which the text of a literal block (`|`) begins.
    """

    data: object = None
    lines: dict[Address, int] = field(default_factory=dict[Address, int])
    blocks: dict[Address, int] = field(default_factory=dict[Address, int])
    errors: list[HeadraceError] = field(default_factory=list[HeadraceError])


def parse(content: bytes, file: str) -> Document:
    """Read YAML 1.2. Duplicate keys are in `errors`; whatever leaves no data raises HeadraceErrors."""
    text = _decode(content, file)
    builder = _Builder(file)
    try:
        builder.build(cast("Any", YAML(typ="safe", pure=True)).parse(text))
    except MarkedYAMLError as error:
        builder.document.errors.append(_syntax_error(error, text, file))
        raise HeadraceErrors(builder.document.errors) from None
    except YAMLError as error:
        builder.document.errors.append(_character_error(error, text, file))
        raise HeadraceErrors(builder.document.errors) from None
    except _Stop as stop:
        builder.document.errors.append(stop.error)
        raise HeadraceErrors(builder.document.errors) from None
    return builder.document


class _Stop(Exception):
    """A construct the declaration does not have; nothing after it is read."""

    def __init__(self, error: HeadraceError) -> None:
        super().__init__(error.summary)
        self.error = error


class _Builder:
    """Walks the parser's events, which come one by one, so nothing hostile is ever built."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.document = Document()
        self.documents = 0

    def build(self, events: Iterator[Any]) -> None:
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._refuse(
                        event,
                        "declaration-syntax",
                        "the file holds more than one document",
                        "remove the line `---` and what follows it, or split the file",
                    )
            elif isinstance(event, NodeEvent):
                self.document.data = self._value(event, events, ())

    def _value(self, event: Any, events: Iterator[Any], address: Address) -> object:
        self.document.lines.setdefault(address, _line(event))
        self._check_node(event, address)
        if isinstance(event, ScalarEvent):
            if cast("Any", event).style == "|":
                self.document.blocks[address] = _line(event) + 1
            return _scalar(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, address)
        return self._sequence(events, address)

    def _sequence(self, events: Iterator[Any], address: Address) -> list[object]:
        items: list[object] = []
        for event in events:
            if isinstance(event, CollectionEndEvent):
                break
            items.append(self._value(event, events, (*address, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], address: Address) -> dict[object, object]:
        mapping: dict[object, object] = {}
        for key_event in events:
            if isinstance(key_event, CollectionEndEvent):
                break
            self._check_node(key_event, address)
            if not isinstance(key_event, ScalarEvent):
                self._refuse(
                    key_event,
                    "declaration-syntax",
                    "a key is a list or a mapping",
                    "a key is plain text; put text with braces or brackets in quotes",
                )
            key = str(cast("Any", key_event).value)
            line = _line(key_event)
            first = self.document.lines.get((*address, key))
            if key in mapping:
                self._duplicate(key, line, first, address)
                self._value(next(events), events, (*address, f"{key} (again)"))
                continue
            self.document.lines[(*address, key)] = line
            mapping[key] = self._value(next(events), events, (*address, key))
        return mapping

    def _duplicate(self, key: str, line: int, first: int | None, address: Address) -> None:
        table = address == ("tables",)
        self.document.errors.append(
            HeadraceError(
                "declaration-duplicate-table" if table else "declaration-duplicate-key",
                f"{'the table' if table else 'the key'} `{redact(key)}` is there twice",
                cause=f"it stands in line {first} already",
                hint="keep one of the two",
                where=Where(self.file, line, ".".join(map(str, (*address, redact(key))))),
            )
        )

    def _check_node(self, event: Any, address: Address) -> None:
        if isinstance(event, AliasEvent) or (getattr(event, "anchor", None) is not None):
            self._refuse(
                event,
                "declaration-alias",
                "anchors and aliases (&name, *name) are not used here",
                "write the value out; text that begins with & or * needs quotes",
            )
        tag = getattr(event, "tag", None)
        if tag is not None and not (
            isinstance(event, ScalarEvent) and str(tag) in ("!", "tag:yaml.org,2002:str")
        ):
            self._refuse(
                event,
                "declaration-tag",
                "YAML tags (!name) are not used here",
                "remove the tag; text that begins with ! needs quotes",
            )
        if len(address) > MAX_DEPTH:
            self._refuse(
                event,
                "declaration-too-deep",
                f"more than {MAX_DEPTH} levels are nested",
                "`headrace schema` and docs/reference/headrace-yaml.md show the shape",
            )

    def _refuse(self, event: Any, code: str, summary: str, hint: str) -> None:
        raise _Stop(HeadraceError(code, summary, hint=hint, where=Where(self.file, _line(event))))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _scalar(event: Any) -> object:
    """YAML 1.2's core schema: quoted is text, plain may be a number, a truth value or null."""
    text = cast("str", event.value)
    if event.style is not None or event.tag is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _decode(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise HeadraceError(
            "declaration-too-large",
            f"the file is larger than {MAX_BYTES:,} bytes",
            cause=f"it holds {len(content):,} bytes" if len(content) <= 2 * MAX_BYTES else None,
            hint="a declaration names tables, it holds no data: is this the right file?",
            where=Where(file),
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "latin1"
        raise HeadraceError(
            "declaration-not-utf8",
            "the file is not UTF-8 text",
            cause=f"the first bad byte is 0x{content[error.start]:02x}",
            hint=f"save it as UTF-8, for instance: iconv -f {encoding} -t utf-8 {file}",
            where=Where(file, content.count(b"\n", 0, error.start) + 1),
        ) from None


def _syntax_error(error: Any, text: str, file: str) -> HeadraceError:
    marks: list[Any] = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    problem = str(error.problem or error.context or "it cannot be read")
    unclosed = "end" in problem and "stream" in problem
    line = int(marks[-1 if unclosed else 0].line) + 1 if marks else 1
    lines = text.split("\n")
    for number in (line, line - 1):
        if 0 < number <= len(lines) and "\t" in re.match(r"\s*", lines[number - 1])[0]:  # pyright: ignore[reportOptionalSubscript]
            return HeadraceError(
                "declaration-tab",
                "a tab is used to indent",
                hint="YAML indents with spaces only: replace the tab by two spaces",
                where=Where(file, number),
            )
    return HeadraceError(
        "declaration-syntax",
        "this is not valid YAML",
        cause=redact(problem),
        hint=_syntax_hint(problem, unclosed),
        where=Where(file, line),
    )


def _syntax_hint(problem: str, unclosed: bool) -> str:
    if "mapping values are not allowed" in problem:
        return "a colon too many here, or one missing in the line before; text that holds `: ` needs quotes"
    if "cannot start any token" in problem:
        return "text that begins with @, ` or % needs quotes"
    if "could not find expected ':'" in problem:
        return "a key is followed by a colon and a space, as in `project: shop`"
    if unclosed:
        return "a quote or a bracket is opened and not closed"
    return (
        "check the indentation of this line and the one before: entries of one block begin in the same column"
    )


def _character_error(error: YAMLError, text: str, file: str) -> HeadraceError:
    position = getattr(error, "position", None)
    line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
    return HeadraceError(
        "declaration-syntax",
        "the file holds a character that YAML does not allow",
        cause="a control character",
        hint="remove it; `cat -A` shows it",
        where=Where(file, line),
    )
