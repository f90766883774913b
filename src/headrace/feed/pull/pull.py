"""Brings one list of an API into one table, once or for ever.

Promise: whenever it ends, by itself, by Ctrl-C, by kill -9 or by a failure, running it again goes on from the
last commit, and in the end every row the API kept showing is in the table once. Where the API tells what has
changed since a time, later passes ask for that only, and a little further back: a change that was stamped
before our last look and showed after it is not missed. Rows the API deletes are not noticed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

from headrace.errors import HeadraceError, Where
from headrace.feed.pull.client import Answer, ApiClient
from headrace.feed.pull.json_text import Json, JsonNumber, at_path, write
from headrace.feed.pull.paging import ListReader, digest
from headrace.feed.pull.position import Position, PositionStore
from headrace.feed.pull.sink import Sink, SinkOptions, Written
from headrace.feed.pull.style import Declared, Style, detect
from headrace.feed.target import Connection
from headrace.names import TableName

_COMMIT_ROWS = 2000
_COMMIT_S = 1.0
_SAMPLE_ROWS = 1000
_REMEMBERED_ROWS = 20_000


@dataclass(frozen=True)
class ListOptions:
    """One list: where it is and how it is read. What is None is found out from the first answer.

    Attributes:
        url: of the list.
        paging: one of paging.STYLES.
        parameter: what carries cursor, page or offset.
        next_field: dotted path of the next cursor or address.
        items: dotted path of the rows.
        limit: rows to ask for at once, in `limit_parameter`.
        recheck: hold pages and offsets against changes.
        key: fields that tell rows apart; None takes the table's primary key, or `id`.
        updated_field: the time of change in a row.
        since_parameter: what asks for rows changed since a time.
        overlap: how far behind the latest change seen the next pass begins.
    """

    url: str
    paging: str | None = None
    parameter: str | None = None
    next_field: str | None = None
    items: str | None = None
    limit: int | None = None
    limit_parameter: str = "limit"
    first_page: int = 1
    recheck: bool = True
    key: tuple[str, ...] | None = None
    updated_field: str | None = None
    since_parameter: str | None = None
    overlap: timedelta = timedelta(seconds=30)


@dataclass(frozen=True)
class PullReport:
    """What a run did to one table."""

    table: TableName
    style: str
    key: tuple[str, ...]
    written: Written
    passes: int
    resumed: bool

    def as_dict(self) -> dict[str, object]:
        w = self.written
        return {
            "table": str(self.table),
            "paging": self.style,
            "key": list(self.key),
            "created": w.created,
            "rows": w.rows,
            "inserted": w.inserted,
            "updated": w.updated,
            "unchanged": w.unchanged,
            "rejected": w.rejected,
            "fields_left_out": sorted(w.left_out),
            "columns_added": w.added,
            "passes": self.passes,
            "resumed": self.resumed,
        }


@dataclass
class _Batch:
    items: list[Json] = field(default_factory=list[Json])
    began: float = field(default_factory=time.monotonic)


class ListPull:
    """One list into one table. Open it, then call `run_pass` as often as wanted."""

    def __init__(
        self,
        client: ApiClient,
        connection: Connection,
        table: TableName,
        options: ListOptions,
        sink_options: SinkOptions,
        *,
        note: Callable[[str], None],
        progress: Callable[[Written], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._table = table
        self._options = options
        self._note = note
        self._progress = progress
        self._sink = Sink(connection, table, sink_options, note)
        address = client.url.join(options.url).copy_with(fragment=None)
        self._store = PositionStore(
            connection, table, digest(str(address)), str(address.copy_with(query=None))
        )
        self._position = Position()
        self._passes = 0
        self._recent: dict[str, str] = {}
        self.resumed = False

    def open(self, *, restart: bool = False) -> None:
        """Check the table, take the list for this process, read how far it came; `restart` forgets that."""
        self._sink.require()
        self._position = self._store.open()
        if restart or (self._position.key and not self._sink.exists()):
            self._store.forget()
            self._position = Position()
        self.resumed = self._position.place is not None

    def run_pass(self) -> None:
        """Read what is left of the pass under way, or a whole new one."""
        try:
            self._run_pass()
        except HeadraceError as error:
            stale = error.code in ("feed-refused", "feed-not-found") and self._position.place is not None
            if not stale or not self.resumed:
                raise
            # The cursor of an interrupted pass may be too old; the pass begins again, nothing is lost.
            self._note("the API no longer knows where the last run stopped: this pass begins again")
            self._position = replace(self._position, place=None, seen=None)
            self.resumed = False
            self._run_pass()

    @property
    def report(self) -> PullReport:
        style = self._position.style or {}
        return PullReport(
            self._table,
            str(style.get("kind")),
            self._position.key,
            self._sink.written,
            self._passes,
            self.resumed,
        )

    def _run_pass(self) -> None:
        position = self._position
        if position.place is None:
            position = replace(position, since=self._since(position.high), seen=None)
        parameters: dict[str, str] = {}
        if self._options.limit:
            parameters[self._options.limit_parameter] = str(self._options.limit)
        if position.since is not None and self._options.since_parameter:
            parameters[self._options.since_parameter] = position.since
        first: Answer | None = None
        if position.style is None:
            first = self._client.get(self._options.url, self._first_parameters(parameters))
            position = self._begin(position, first)
        style, batch = Style(**(position.style or {})), _Batch()
        reader = ListReader(self._client, self._options.url, style, parameters, self._key_text(position.key))
        for page in reader.read(position.place, first):
            if page.rows and not position.key:
                position = replace(position, key=self._found_key(page.rows))
            position = self._seen(replace(position, place=page.following), page.rows)
            batch.items += page.rows
            ends = page.following is None
            if ends:
                position = replace(
                    position, place=None, since=None, seen=None,
                    high=_later(position.high, position.seen), passes=position.passes + 1,
                    style=position.style if position.key else None,
                )  # fmt: skip
            if ends or self._is_due(batch):
                self._commit(batch, position)
                batch = _Batch()
        self._passes += 1
        self._sink.finish()

    def _begin(self, position: Position, first: Answer) -> Position:
        """Find out from the first answer how the list is divided."""
        o = self._options
        hint = o.url.rstrip("/").rpartition("/")[2].partition("?")[0]
        style = detect(first, Declared(o.paging, o.items, o.parameter, o.next_field), hint)
        style = replace(style, first=o.first_page, recheck=o.recheck)
        return replace(position, style=style.as_dict(), key=o.key or ())

    def _first_parameters(self, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """Page and offset are said at the first request too."""
        if self._options.paging == "page":
            return {**parameters, self._options.parameter or "page": str(self._options.first_page)}
        return parameters

    def _found_key(self, rows: Sequence[Json]) -> tuple[str, ...]:
        """The table's own key where rows have it, else `id`."""
        records = [cast(Mapping[str, Json], row) for row in rows if isinstance(row, dict)]
        own = self._sink.primary_key(list(dict.fromkeys(name for record in records for name in record)))
        if own or not records:
            return own
        values = [record.get("id") for record in records]
        if None not in values and len({write(value) for value in values}) == len(values):
            return ("id",)
        raise HeadraceError(
            "feed-key",
            "what tells the rows apart is not seen in them",
            cause=f"their fields: {', '.join(list(records[0])[:12])}",
            hint="name it: --key order_id,line_no",
            where=Where(address=f"table:{self._table}"),
        )

    def _seen(self, position: Position, rows: Sequence[Json]) -> Position:
        """Take new fields and the latest time of change into account; refuse a list without its key."""
        fields, latest = dict.fromkeys(position.fields), position.seen
        with_key = 0
        for row in rows:
            if isinstance(row, dict):
                record = cast(Mapping[str, Json], row)
                fields.update(dict.fromkeys(record))
                with_key += all(record.get(part) is not None for part in position.key)
                if self._options.updated_field:
                    latest = _later(latest, _moment(at_path(cast(Json, record), self._options.updated_field)))
        if rows and not with_key:
            raise HeadraceError(
                "feed-key",
                "no row has the key" if position.key else "what tells the rows apart is not known",
                cause=f"the key is {', '.join(position.key)}; fields: {', '.join(list(fields)[:12])}",
                hint="name the fields that tell rows apart: --key",
                where=Where(address=f"table:{self._table}"),
            )
        return replace(position, fields=tuple(fields), seen=latest)

    def _is_due(self, batch: _Batch) -> bool:
        if not self._sink.exists():
            return len(batch.items) >= _SAMPLE_ROWS
        return len(batch.items) >= _COMMIT_ROWS or time.monotonic() - batch.began >= _COMMIT_S

    def _commit(self, batch: _Batch, position: Position) -> None:
        marks: dict[str, str] = {}
        fresh: list[Json] = []
        key_text = self._key_text(position.key)
        for item in batch.items:
            mark, key = digest(write(item)), key_text(item)
            if self._recent.get(key) != mark:
                fresh.append(item)
            marks[key] = mark
        self._sink.written.unchanged += len(batch.items) - len(fresh)
        self._sink.written.rows += len(batch.items) - len(fresh)
        if fresh or replace(position, passes=self._position.passes) != self._position:
            self._sink.write(fresh, position.fields, position.key, position, self._store)
        self._position = position
        self._recent.update(marks)
        while len(self._recent) > _REMEMBERED_ROWS:
            self._recent.pop(next(iter(self._recent)))
        self._progress(self._sink.written)

    def _since(self, high: str | None) -> str | None:
        """Where the next pass begins: the latest change seen, less the overlap."""
        if high is None or self._options.since_parameter is None:
            return None
        overlap = self._options.overlap
        if _is_number(high):
            return str(Decimal(high) - Decimal(int(overlap.total_seconds())))
        return (datetime.fromisoformat(high) - overlap).isoformat().replace("+00:00", "Z")

    def _key_text(self, key: Sequence[str]) -> Callable[[Json], str]:
        def text(item: Json) -> str:
            if isinstance(item, dict):
                record = cast(Mapping[str, Json], item)
                if key and all(part in record for part in key):
                    return digest(write([record[part] for part in key]))
            return digest(write(cast(Json, item)))

        return text


def _moment(value: Json) -> str | None:
    """A time of change in a form that can be compared: ISO in UTC, or a number; None if it is neither."""
    if isinstance(value, JsonNumber):
        return str(value)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (found.astimezone(UTC) if found.tzinfo else found).isoformat()


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("-").isdigit()


def _later(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one or other
    if _is_number(one) and _is_number(other):
        return max(one, other, key=Decimal)
    if _is_number(one) or _is_number(other):
        return one
    first, second = datetime.fromisoformat(one), datetime.fromisoformat(other)
    if (first.tzinfo is None) != (second.tzinfo is None):
        return one
    return one if first >= second else other
