"""JSON with its numbers kept as they were written, to the last digit."""

from __future__ import annotations

import json
from typing import cast

Json = object
"""None, bool, JsonNumber, str, list or dict."""


class JsonNumber(str):
    """A number as it stood in the text."""

    __slots__ = ()


def parse(data: bytes) -> Json:
    """The value of a JSON text in UTF-8; ValueError for anything else, NaN and Infinity included."""
    try:
        return json.loads(
            data.decode("utf-8-sig"), parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=_refuse
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write(value: Json) -> str:
    """The JSON text of a value, numbers as they were."""
    if isinstance(value, JsonNumber):
        return str(value)
    if isinstance(value, dict):
        members = cast(dict[str, Json], value).items()
        return (
            "{"
            + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{write(one)}" for name, one in members)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(write, cast(list[Json], value))) + "]"
    return json.dumps(value, ensure_ascii=False)


def at_path(value: Json, path: str) -> Json:
    """What stands at a dotted path (`meta.next_cursor`); None where there is nothing."""
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = cast(dict[str, Json], value).get(part)
    return value


def _refuse(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")
