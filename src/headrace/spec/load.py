"""Reading headrace.yaml.

Promise: either a consistent `Declaration` that knows its lines, or HeadraceErrors with *every* failure of the
file, each with file:line and a remedy (after a syntax error there is no more than that one). Reads the one
file and nothing else: no environment, no secret, no network.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from headrace.errors import HeadraceError, HeadraceErrors, Where
from headrace.spec.checks import check
from headrace.spec.document import MAX_BYTES, Address, Document, parse
from headrace.spec.explain import explain
from headrace.spec.model import Declaration
from headrace.spec.places import Places
from headrace.spec.secret import redact
from headrace.spec.table_list import tables_as_mapping
from headrace.spec.view_list import views_as_mapping

FILE_NAME = "headrace.yaml"


def find(start: Path) -> Path:
    """The nearest headrace.yaml in `start` or above it; `declaration-missing` when there is none."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise HeadraceError(
        "declaration-missing",
        f"there is no {FILE_NAME} in {start} or above it",
        hint="`headrace init` writes one; `--project-dir DIR` names the folder of another project",
    )


def in_directory(directory: Path) -> Path:
    """headrace.yaml of exactly that folder; `declaration-missing` when there is none."""
    path = directory.absolute() / FILE_NAME
    if path.is_file():
        return path
    raise HeadraceError(
        "declaration-missing",
        f"there is no {FILE_NAME} in {directory}"
        if directory.is_dir()
        else f"there is no folder {directory}",
        hint=f"`headrace init {directory}` writes one",
    )


def load(path: Path) -> Declaration:
    """Read and check the file.

    Raises:
        HeadraceErrors: all failures, sorted by line.
        HeadraceError: the file is missing or cannot be read at all.
    """
    return load_text(_read(path), file=display_name(path))


def display_name(path: Path) -> str:
    """The path as errors show it: relative where it lies below the current folder."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def load_text(content: bytes | str, *, file: str = FILE_NAME) -> Declaration:
    """The same for text that is at hand; `file` is what errors call it."""
    document = parse(content.encode() if isinstance(content, str) else content, file)
    places = _places(document, file)
    data = _top(document, places)
    errors = list(document.errors)
    errors.extend(_drop_empty(data, (), places))
    data["tables"], failures = _tables(data, document, file)
    errors.extend(failures)
    if isinstance(data.get("views"), dict):
        data["views"] = views_as_mapping(data["views"])
    declaration: Declaration | None = None
    try:
        declaration = Declaration.model_validate(data)
    except ValidationError as failure:
        # A placeholder stands for tables that have been reported already.
        errors.extend(explain(failure, data, places, skip_tables=bool(failures)))
        declaration = _rest(data, failure)
    if declaration is not None:
        faulty = [one.where.address or "" for one in errors if one.where]
        errors.extend(
            HeadraceError(
                one.code, one.summary, cause=one.cause, hint=one.hint, where=places.where(one.address)
            )
            for one in check(declaration)
            if not any(f"{address}.".startswith(f"{one.address}.") for address in faulty)
        )
    if errors or declaration is None:
        raise HeadraceErrors(_worth_showing(errors))
    return declaration.placed(places)


def _worth_showing(errors: list[HeadraceError]) -> list[HeadraceError]:
    """In the file's order, without the missing key that a misspelt one explains."""
    misspelt = {one.hint for one in errors if one.code == "declaration-unknown-key"}
    shown = [
        one
        for one in errors
        if one.code != "declaration-missing-key"
        or not one.where
        or f"did you mean `{one.where.address}`?" not in misspelt
    ]
    return sorted(shown, key=lambda one: (one.where.line or 0) if one.where else 0)


def _rest(data: dict[str, object], failure: ValidationError) -> Declaration | None:
    """What is left without the faulty parts, so that the checks across tables speak in the same run."""
    rest: Any = copy.deepcopy(data)
    for fault in failure.errors(include_url=False, include_input=False, include_context=False):
        steps = [step for step in fault["loc"] if step != "[key]"]
        part: Any = rest
        for step in steps[:-1]:
            part = cast("dict[object, Any]", part).get(step) if isinstance(part, dict) else None
        if isinstance(part, dict):
            cast("dict[object, object]", part).pop(steps[-1], None)
    rest.setdefault("project", "placeholder")
    rest["tables"] = rest.get("tables") or {"placeholder": {}}
    try:
        return Declaration.model_validate(rest)
    except ValidationError:
        return None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(2 * MAX_BYTES + 1)
    except FileNotFoundError:
        raise HeadraceError(
            "declaration-missing",
            f"there is no file {path}",
            hint="`headrace init` writes one",
            where=Where(display_name(path)),
        ) from None
    except OSError as error:
        raise HeadraceError(
            "declaration-unreadable",
            f"{path.name} cannot be read",
            cause=error.strerror,
            hint="it must be a file that this user can read",
            where=Where(display_name(path)),
        ) from None


def _top(document: Document, places: Places) -> dict[str, object]:
    data = document.data
    if data is None or data == {}:
        raise HeadraceErrors(
            [
                *document.errors,
                HeadraceError(
                    "declaration-empty",
                    "the file says nothing",
                    hint="name a project and its tables; `headrace init` writes a commented file",
                    where=Where(places.file, 1),
                ),
            ]
        )
    if not isinstance(data, dict):
        raise HeadraceErrors(
            [
                *document.errors,
                HeadraceError(
                    "declaration-wrong-type",
                    f"the file holds {'a list' if isinstance(data, list) else 'a single value'}, "
                    "not keys and values",
                    hint="begin with `project: NAME`; a colon needs a space after it",
                    where=Where(places.file, document.lines.get((), 1)),
                ),
            ]
        )
    return dict(cast("dict[str, object]", data))


def _drop_empty(part: dict[str, object], path: tuple[str, ...], places: Places) -> list[HeadraceError]:
    """Take out keys with nothing after them, each an error: an emptied `source:` must not pass."""
    errors: list[HeadraceError] = []
    for key, value in list(part.items()):
        if value is None and path != ("tables",):
            del part[key]
            errors.append(
                HeadraceError(
                    "declaration-empty-value",
                    f"`{redact(key)}` has no value",
                    hint="give it one, or remove the line",
                    where=places.where(redact(".".join((*path, key)))),
                )
            )
        elif isinstance(value, dict):
            errors.extend(_drop_empty(cast("dict[str, object]", value), (*path, key), places))
    return errors


def _tables(data: dict[str, object], document: Document, file: str) -> tuple[object, list[HeadraceError]]:
    """The tables as a mapping, and all that is wrong with their names."""
    if "tables" not in data:
        error = HeadraceError(
            "declaration-missing-key",
            "`tables` is missing",
            hint="name the tables to carry, for instance: tables: [orders, customers]",
            where=Where(file, document.lines.get(()), "tables"),
        )
        return {"placeholder": {}}, [error]
    mapping, failures = tables_as_mapping(data["tables"])
    errors: list[HeadraceError] = []
    for failure in failures:
        address: Address = ("tables",) if failure.step is None else ("tables", failure.step)
        errors.append(_custom(failure.error, Where(file, document.lines.get(address), "tables")))
    return mapping or {"placeholder": {}}, errors


def _custom(error: PydanticCustomError, where: Where) -> HeadraceError:
    context = error.context or {}
    return HeadraceError(error.type, error.message(), hint=context.get("hint"), where=where)


def _places(document: Document, file: str) -> Places:
    """Lines by dotted address. Tables and views have the same addresses in either way of writing them."""
    lines: dict[str, int] = {}
    data = document.data
    names = cast("dict[str, object]", data).get("tables") if isinstance(data, dict) else None
    for address, line in document.lines.items():
        if address[:1] == ("tables",) and len(address) > 1:
            step = address[1]
            listed = (
                isinstance(names, list) and isinstance(step, int) and step < len(cast("list[object]", names))
            )
            name = str(cast("list[object]", names)[step]) if listed and isinstance(step, int) else str(step)
            rest = [str(part) for part in address[2:]]
            spellings = {name, name.removeprefix("public."), name if "." in name else f"public.{name}"}
            for spelling in spellings:
                lines.setdefault(".".join(["tables", spelling, *rest]), line)
            continue
        lines.setdefault(".".join(map(str, address)), line)
    blocks = {".".join(map(str, address)): line for address, line in document.blocks.items()}
    for address, line in list(blocks.items()):
        if address.startswith("views.") and address.count(".") == 1:
            blocks[f"{address}.sql"] = line
    return Places(file, lines, blocks)
