"""How an API divides its lists, seen in its first answer or declared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

from headrace.errors import HeadraceError
from headrace.feed.pull.client import Answer
from headrace.feed.pull.json_text import Json, JsonNumber, at_path

STYLES = ("cursor", "link", "page", "offset", "single")

_LISTS = ("data", "items", "results", "records", "rows", "values", "entries", "content", "list")
_NEXT_ADDRESS = (
    "next",
    "links.next",
    "_links.next.href",
    "paging.next",
    "meta.next",
    "pagination.next",
    "next_url",
    "nextLink",
)
_CURSOR_PARAMETERS = {
    "next_cursor": "cursor",
    "nextCursor": "cursor",
    "meta.next_cursor": "cursor",
    "pagination.next_cursor": "cursor",
    "response_metadata.next_cursor": "cursor",
    "next_page_token": "page_token",
    "nextPageToken": "pageToken",
    "continuation_token": "continuation_token",
    "paging.cursors.after": "after",
}
"""Where the next cursor is found, and what it is usually handed back in."""
_TOTALS = ("total", "count", "total_count", "totalCount", "meta.total", "pagination.total")


@dataclass(frozen=True)
class Style:
    """How the list is divided.

    Attributes:
        kind: one of STYLES.
        items: dotted path of the list in the answer; None when the answer is the list.
        parameter: what carries the cursor, the page number or the offset.
        next_field: dotted path of the next cursor or address; None for the `Link` header.
        first: number of the first page.
        recheck: whether pages and offsets are held against changes, at the price of more requests.
    """

    kind: str
    items: str | None = None
    parameter: str | None = None
    next_field: str | None = None
    first: int = 1
    recheck: bool = True

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Declared:
    """What the user says of the style; the rest is found out."""

    kind: str | None = None
    items: str | None = None
    parameter: str | None = None
    next_field: str | None = None


def find_list(body: Json, items: str | None, name_hint: str = "") -> tuple[str | None, list[Json]]:
    """Where the list stands in an answer, and the list; HeadraceError `feed-not-a-list` if there is none."""
    if items is not None:
        found = at_path(body, items)
        if isinstance(found, list):
            return items, cast(list[Json], found)
        raise _no_list(f"there is no list at {items}", body)
    if isinstance(body, list):
        return None, cast(list[Json], body)
    if not isinstance(body, dict):
        raise _no_list("it is a single value", body)
    members = cast(dict[str, Json], body)
    lists = [name for name, value in members.items() if isinstance(value, list)]
    chosen = next((name for name in (name_hint, *_LISTS) if name in lists), None)
    if chosen is None and len(lists) == 1:
        chosen = lists[0]
    if chosen is None:
        raise _no_list(f"it holds several: {', '.join(lists[:5])}" if lists else "it holds no list", members)
    return chosen, cast(list[Json], members[chosen])


def detect(answer: Answer, declared: Declared, name_hint: str = "") -> Style:
    """The style of an API, from its first answer and what was declared.

    Raises:
        HeadraceError: `feed-paging` when the answer is a part of the list and how to go on is not seen.
    """
    path, rows = find_list(answer.body, declared.items, name_hint)
    kind = declared.kind
    if kind in ("page", "offset"):
        return Style(kind, path, declared.parameter or kind)
    if kind == "single":
        return Style(kind, path)
    if kind in (None, "link"):
        linked = _linked(answer, path, declared.next_field)
        if linked is not None:
            return linked
    if kind in (None, "cursor"):
        cursor = _cursor(answer.body, path, declared)
        if cursor is not None:
            return cursor
    if kind == "link":
        return Style("link", path, next_field=declared.next_field)
    if kind == "cursor":
        raise HeadraceError(
            "feed-paging",
            "the answer holds no cursor to go on from",
            hint="name its place with --next-field, for instance meta.next_cursor",
        )
    _assure_whole(answer.body, len(rows))
    return Style("single", path)


def _linked(answer: Answer, path: str | None, next_field: str | None) -> Style | None:
    """Addresses of the next page, in the header or in the body; null stands for the last page."""
    if next_field is None and answer.next_link:
        return Style("link", path)
    for name in (next_field,) if next_field else _NEXT_ADDRESS:
        value = at_path(answer.body, name)
        address = isinstance(value, str) and value.startswith(("http://", "https://", "/", "?"))
        if address or (value is None and next_field is None and _has(answer.body, name)):
            return Style("link", path, next_field=name)
    return None


def _cursor(body: Json, path: str | None, declared: Declared) -> Style | None:
    names = (declared.next_field,) if declared.next_field else (*_CURSOR_PARAMETERS, "cursor")
    for name in names:
        if name == "cursor" and declared.kind is None:
            continue  # may be the cursor of this page
        if isinstance(at_path(body, name), str | JsonNumber) or _has(body, name):
            parameter = declared.parameter or _CURSOR_PARAMETERS.get(name, "cursor")
            return Style("cursor", path, parameter, name)
    return None


def _has(body: Json, path: str) -> bool:
    parent, _, name = path.rpartition(".")
    holder = at_path(body, parent) if parent else body
    return isinstance(holder, dict) and name in holder


def _assure_whole(body: Json, rows: int) -> None:
    """An answer that counts more rows than it holds is a page, and we do not know how to turn it."""
    for name in _TOTALS:
        total = at_path(body, name)
        if isinstance(total, JsonNumber) and total.isdigit() and int(total) > rows:
            raise HeadraceError(
                "feed-paging",
                "the answer is a part of the list, and how to ask for the rest is not seen in it",
                cause=f"`{name}` is more than the {rows} rows it holds",
                hint="say it: --paging page, offset or cursor, with --param for the parameter's name",
            )


def _no_list(cause: str, body: Json) -> HeadraceError:
    members = list(cast(dict[str, Json], body))[:8] if isinstance(body, dict) else []
    return HeadraceError(
        "feed-not-a-list",
        "the answer holds no list of rows",
        cause=f"{cause}; its fields: {', '.join(members)}" if members else cause,
        hint="name the list's place with --items, for instance data.orders",
    )
