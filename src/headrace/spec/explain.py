"""From pydantic's report to errors people can act on: line, plain words, remedy, did-you-mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from headrace.errors import HeadraceError, Where
from headrace.spec.model import (
    Dashboard,
    Declaration,
    Engines,
    Retention,
    Source,
    TableOptions,
    ViewOptions,
)
from headrace.spec.places import Places
from headrace.spec.secret import redact

_PARTS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): Declaration,
    ("source",): Source,
    ("tables", "*"): TableOptions,
    ("tables", "*", "retention"): Retention,
    ("views", "*"): ViewOptions,
    ("views", "*", "retention"): Retention,
    ("dashboard",): Dashboard,
    ("engines",): Engines,
}
_LATER = {
    "dashboards": "dashboards",
    "features": "features",
    "target": "other targets than this machine",
}
_NAMED = ("tables", "views")
_SHAPES: Mapping[str, str] = {
    "tuple_type": "a list, for instance [id]",
    "list_type": "a list, for instance [id]",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "int_type": "a whole number, without quotes",
    "int_from_float": "a whole number",
    "string_type": "text; put it in quotes if it looks like a number or true/false",
}


def explain(
    failure: ValidationError, data: object, places: Places, *, skip_tables: bool
) -> list[HeadraceError]:
    """One error per fault. With `skip_tables` the table `placeholder` is ours and is left out."""
    errors: list[HeadraceError] = []
    for fault in failure.errors(include_url=False, include_input=False):
        path = [str(step) for step in fault["loc"] if step != "[key]"]
        if skip_tables and path[:2] == ["tables", "placeholder"]:
            continue
        errors.append(_explain(fault["type"], fault.get("ctx") or {}, fault["loc"], path, data, places))
    return errors


def _explain(
    kind: str,
    context: Mapping[str, Any],
    location: Sequence[str | int],
    path: Sequence[str],
    data: object,
    places: Places,
) -> HeadraceError:
    name = redact(".".join(path[2:] if path[0] in _NAMED and len(path) > 2 else path))
    where = places.where(redact(".".join(path)))
    if kind == "extra_forbidden":
        part = f" in {_part(path)}" if len(path) > 1 else ""
        return _error(
            "declaration-unknown-key",
            f"unknown key `{redact(path[-1])}`{part}",
            _unknown_key_hint(path),
            where,
        )
    if kind == "missing":
        return _error("declaration-missing-key", f"`{name}` is missing", "add it: `project: shop`", where)
    if kind.startswith("declaration-"):
        message = str(context["message"])
        return _error(
            kind, message if len(path) == 1 else f"`{name}`: {message}", str(context["hint"]), where
        )
    if kind == "literal_error":
        words = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        given = path[-1] if location[-1] == "[key]" else _given(data, location)
        hint = _did_you_mean(str(given), words) or f"use one of {', '.join(words)}"
        return _error(
            "declaration-unknown-word", f"`{name}`: {_quoted(given)} is not known here", hint, where
        )
    if kind in _SHAPES:
        hint = f"it is {_SHAPES[kind]}"
        if path == ["source"]:
            hint = (
                "write `url: env:NAME` below it, or leave source out: headrace then runs a PostgreSQL itself"
            )
        return _error("declaration-wrong-type", f"`{name}` has the wrong type", hint, where)
    return _error("declaration-out-of-range", f"`{name}` is out of range", _bounds(kind, context), where)


def _error(code: str, summary: str, hint: str, where: Where) -> HeadraceError:
    return HeadraceError(code, summary, hint=hint, where=where)


def _bounds(kind: str, context: Mapping[str, Any]) -> str:
    """The range of a number, from the model's own constraints."""
    if kind == "too_short":
        return "name at least one, or leave the key out"
    if kind == "string_too_short":
        return "give it a value, or leave the key out"
    low, high = context.get("ge"), context.get("le")
    return (
        f"at least {low:,}"
        if low is not None
        else f"at most {high:,}"
        if high is not None
        else "see the docs"
    )


def _unknown_key_hint(path: Sequence[str]) -> str:
    model = _model(path[:-1])
    if model is None:
        return "remove it"
    known = [field.alias or name for name, field in model.model_fields.items()]
    later = get_close_matches(path[-1], _LATER, n=1, cutoff=0.8) if model is Declaration else []
    if later:
        return f"{_LATER[later[0]]} are not part of this version: remove the key"
    close = _did_you_mean(path[-1], known)
    if close:
        return close
    elsewhere = [
        ".".join(part).replace("*", "TABLE")
        for part, other in _PARTS.items()
        if part and path[-1] in {field.alias or name for name, field in other.model_fields.items()}
    ]
    if elsewhere:
        return f"it belongs under {elsewhere[0]}"
    return f"known here: {', '.join(known)}"


def _model(path: Sequence[str]) -> type[BaseModel] | None:
    named = bool(path) and path[0] in _NAMED
    steps = tuple("*" if i == 1 and named else step for i, step in enumerate(path))
    return _PARTS.get(steps)


def _part(path: Sequence[str]) -> str:
    return f"the options of {path[1]}" if path[0] in _NAMED and len(path) == 3 else ".".join(path[:-1])


def _given(data: object, location: Sequence[str | int]) -> object:
    value: Any = data
    for step in location:
        value = value[step]
    return value


def _quoted(value: object) -> str:
    text = redact(str(value))
    return f"`{text[:40]}{'…' if len(text) > 40 else ''}`"


def _did_you_mean(word: str, known: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower().replace("-", "_"), list(lower), n=1, cutoff=0.6)
    return f"did you mean `{lower[close[0]]}`?" if close else None
