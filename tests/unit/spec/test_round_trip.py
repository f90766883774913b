from __future__ import annotations

import io
from typing import Any

import jsonschema
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from headrace.errors import HeadraceError, HeadraceErrors
from headrace.spec.load import load_text
from headrace.spec.model import as_document
from headrace.spec.schema import json_schema
from tests.unit.spec.documents import documents

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def _yaml(document: dict[str, Any]) -> str:
    stream = io.StringIO()
    yaml = YAML()
    yaml.allow_unicode = True
    yaml.dump(document, stream)
    return stream.getvalue()


@settings(deadline=None)
@given(documents())
def test_a_declaration_survives_being_written_and_read(document: dict[str, Any]) -> None:
    declaration = load_text(_yaml(_quoted(document)))
    again = load_text(_yaml(_quoted(as_document(declaration))))
    assert again.model_dump() == declaration.model_dump()
    assert [str(one.table) for one in declaration.declared] == [
        name if "." in name else f"public.{name}" for name in document["tables"]
    ]


def _quoted(value: Any) -> Any:
    """Text in quotes, as our own reading of plain text is stricter than the writer's."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return {_quoted(key): _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value


@settings(deadline=None)
@given(documents())
def test_the_schema_takes_what_load_takes(document: dict[str, Any]) -> None:
    load_text(_yaml(_quoted(document)))
    VALIDATOR.validate(document)


@settings(deadline=None)
@given(documents(), st.data())
def test_what_the_schema_refuses_load_refuses(document: dict[str, Any], data: st.DataObject) -> None:
    spoiled = _spoil(document, data)
    assume(not VALIDATOR.is_valid(spoiled))
    try:
        load_text(_yaml(_quoted(spoiled)))
    except HeadraceErrors as errors:
        assert all(error.hint and error.where and error.where.line for error in errors.errors)
    else:
        raise AssertionError(f"load took what the schema refuses: {spoiled}")


def _spoil(document: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Put something else at one place of the document."""
    paths: list[tuple[Any, ...]] = []

    def walk(node: Any, path: tuple[Any, ...]) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                paths.append((*path, key))
                walk(value, (*path, key))
        elif isinstance(node, list):
            for index, value in enumerate(node):
                paths.append((*path, index))
                walk(value, (*path, index))

    walk(document, ())
    path = data.draw(st.sampled_from(paths))
    value = data.draw(st.sampled_from([None, 0, -1, 1.5, True, "", "x", "7D", [], {}, [1], {"a": 1}, 10**9]))
    node: Any = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return document


@settings(deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
)
@example(b"? [a]\n: b\n")
@example(b"%YAML 9.9\n---\na: b\n")
@example(b"%TAG ! tag:x,2000:\n---\n!a b\n")
@example(b"\xef\xbb\xbf")
@example(b"a:\n  <<: {b: c}\n")
@example(b"- " * 5000)
@example(b"{" * 5000)
@example(b"project: " + b"9" * 10_000 + b"\ntables: [a]")
@example(b"project: shop\ntables: {? : {}}")
@example("project: shop\ntables: ['\ud83d']".encode("utf-8", "surrogatepass"))
def test_no_text_whatever_brings_it_down(content: bytes) -> None:
    try:
        load_text(content)
    except HeadraceError as error:
        for one in error.errors if isinstance(error, HeadraceErrors) else (error,):
            assert one.code.startswith("declaration-")
            assert one.hint
            assert one.where is not None
            assert one.where.file


WORDS = [
    "project",
    "tables",
    "orders",
    "key",
    "mask",
    "hash",
    "retention",
    "source",
    "url",
    "7d",
    "1",
    "null",
]
MARKS = [
    ":",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    '"',
    "&a",
    "*a",
    "!t ",
    "#",
    "|",
]
TRAPS = [">", "\t", "? ", "<<", "%", "@", "`", "---\n", "...\n", "\\", "env:X"]
YAMLISH = st.lists(st.sampled_from(WORDS + MARKS + TRAPS), max_size=40).map("".join)


@settings(deadline=None)
@given(YAMLISH)
def test_no_heap_of_its_own_words_brings_it_down(text: str) -> None:
    try:
        load_text("project: shop\ntables:\n" + text)
    except HeadraceError as error:
        assert error.summary
