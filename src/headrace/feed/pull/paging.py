"""Reads a list page by page, in whatever way the API divides it.

Promise, for every row that is there from the beginning to the end of a pass: it is seen.
- `cursor`, `link`: as good as the API's cursor; the same cursor twice is an error and not an endless loop.
- `offset`, `page`: rows that are added or removed while we read move the others. Every page must therefore
  follow the row the one before ended with; if it does not, that row is looked for and reading goes on behind
  it. This holds for lists whose order is not changed by updates (ordered by key, not by time of change).
  Two pages share no row that would show how they follow each other, so with `page` it holds while rows are
  only added or only removed: one of each between two requests can hide a row.
- `single`: one answer is the list.

Rows may be seen twice. A place, from which reading can go on, is a small JSON object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import HeadraceError
from headrace.feed.pull.client import Answer, ApiClient
from headrace.feed.pull.json_text import Json, JsonNumber, at_path, write
from headrace.feed.pull.style import Style, find_list

Place = dict[str, Any]

_SPAN = 100


@dataclass(frozen=True)
class Fetched:
    """Rows of one page and the place to go on from; None at the end of the list."""

    rows: list[Json]
    following: Place | None


class ListReader:
    """Passes over one list."""

    def __init__(
        self,
        client: ApiClient,
        url: str,
        style: Style,
        parameters: Mapping[str, str],
        key_of: Callable[[Json], str],
    ) -> None:
        self._client = client
        self._url = url
        self._style = style
        self._parameters = parameters
        self._key_of = key_of

    def read(self, place: Place | None, first: Answer | None = None) -> Iterator[Fetched]:
        """The pages from `place` on, or from the beginning; `first` saves asking for the first one again."""
        read = {"page": self._page, "offset": self._offset}.get(self._style.kind, self._linked)
        seen: set[str] = set()
        while True:
            page = read(place, first if place is None else None)
            yield page
            if page.following is None:
                return
            place = page.following
            mark = digest(write(place))
            if self._style.kind in ("cursor", "link") and mark in seen:
                raise HeadraceError(
                    "feed-cursor-stands-still",
                    "the API leads back to a page it has already given",
                    cause=f"paging by {self._style.kind}",
                    hint="see that the parameter is the one this API reads: --paging, --param",
                )
            seen.add(mark)

    def _linked(self, place: Place | None, first: Answer | None) -> Fetched:
        style = self._style
        if place is None:
            answer = first or self._ask({})
        elif "url" in place:
            answer = self._client.get(place["url"])
        else:
            answer = self._ask({style.parameter or "cursor": place["cursor"]})
        rows = self._rows(answer)
        if style.kind == "single":
            return Fetched(rows, None)
        found = at_path(answer.body, style.next_field) if style.next_field else answer.next_link
        if not isinstance(found, str | JsonNumber) or not found or at_path(answer.body, "has_more") is False:
            return Fetched(rows, None)
        following: Place = {"url": str(found)} if style.kind == "link" else {"cursor": str(found)}
        if following == place:
            if rows:
                raise HeadraceError(
                    "feed-cursor-stands-still",
                    "the API names the same page as the next one, again and again",
                    hint="see that the parameter is the one this API reads: --paging, --param",
                )
            return Fetched(rows, None)
        return Fetched(rows, following)

    def _offset(self, place: Place | None, first: Answer | None) -> Fetched:
        after, before = (place or {}).get("after"), (place or {}).get("mark")
        seen = int((place or {}).get("offset", 0))
        back = 1 if after is not None else 0
        while True:
            start = max(seen - back, 0)
            rows = self._rows(first if first and not start else self._ask({self._name: str(start)}))
            keys = self._keys(rows)
            if after is None or after in keys or start == 0:
                break
            back += max(len(rows), _SPAN) - 1  # the last row seen has moved: look further ahead
        mark = _mark(keys)
        if mark == before and len(keys) > 1 and self._gives(start + len(rows) + _SPAN, mark):
            raise _same_rows()
        if after in keys and after == keys[-1]:
            # Nothing follows, or the API gives one row at a time.
            rows = self._rows(self._ask({self._name: str(start + len(rows))}))
            start, keys = start + len(keys), self._keys(rows)
        if not rows:
            return Fetched(rows, None)
        kept = keys[-1] if self._style.recheck else None
        following: Place = {"offset": start + len(rows), "after": kept, "mark": mark}
        return Fetched(rows[1:] if after == keys[0] else rows, following)

    def _gives(self, far: int, mark: str) -> bool:
        """Whether the same rows come for a place far behind, too; if not, rows were added before them."""
        return _mark(self._keys(self._rows(self._ask({self._name: str(far)})))) == mark

    def _keys(self, rows: list[Json]) -> list[str]:
        return [self._key_of(row) for row in rows]

    def _page(self, place: Place | None, first: Answer | None) -> Fetched:
        number = int((place or {}).get("page", self._style.first))
        after, before = (place or {}).get("after"), (place or {}).get("mark")
        rows = self._rows(first or self._ask({self._name: str(number)}))
        keys = self._keys(rows)
        mark = _mark(keys)
        if rows and mark == before and self._gives(number + _SPAN, mark):
            raise _same_rows()
        if after is not None and after not in keys:
            found = self._page_of(after, number - 1)
            if found is not None:
                number, rows = found
                keys = self._keys(rows)
                mark = _mark(keys)
        if not rows:
            return Fetched(rows, None)
        kept = keys[-1] if self._style.recheck else None
        return Fetched(rows, {"page": number + 1, "after": kept, "mark": mark})

    def _page_of(self, after: str, number: int) -> tuple[int, list[Json]] | None:
        """The page to go on with when the last row seen is not the last of page `number`; None if it is."""
        rows: list[Json] = []
        for back in range(number, self._style.first - 1, -1):
            rows = self._rows(self._ask({self._name: str(back)}))
            keys = self._keys(rows)
            if back == number and keys and keys[-1] == after:
                return None
            if after in keys:
                return back, rows
        return self._style.first, rows

    @property
    def _name(self) -> str:
        return self._style.parameter or self._style.kind

    def _ask(self, parameters: Mapping[str, str]) -> Answer:
        return self._client.get(self._url, {**self._parameters, **parameters})

    def _rows(self, answer: Answer) -> list[Json]:
        return find_list(answer.body, self._style.items)[1]


def digest(text: str) -> str:
    """A short name of a text that says nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _mark(keys: list[str]) -> str:
    return digest("\n".join(keys))


def _same_rows() -> HeadraceError:
    return HeadraceError(
        "feed-page-ignored",
        "the API gives the same rows for the next page",
        hint="name the parameter it reads with --param, or another --paging",
    )
