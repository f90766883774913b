"""How far Pinot has got with a table, how big it is and how it fares. Reading only.

Promise: positions are offsets of the next record to be read, per partition, as the servers state them at that
moment; they never run ahead of what is indexed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from headrace.contract import Kind
from headrace.errors import HeadraceError
from headrace.hops.serve.answer import LOG_LOST, checked_rows
from headrace.hops.serve.client import NO_ROW, PinotClient, after_option
from headrace.hops.serve.dialect import quote, text
from headrace.hops.serve.history import partition_of

_WITHOUT_KEY = 4
"""`__kind` of a record whose very key could not be read (java/pinot, RowKind)."""

_KEYS_PER_QUERY = 500

ASK_TIMEOUT_S = 2.0
_MAX_SEGMENTS = 100_000


@dataclass(frozen=True)
class ConsumerState:
    """One partition as one server consumes it.

    Attributes:
        segment: the consuming segment.
        server: the instance.
        state: `CONSUMING` or `NOT_CONSUMING`.
        offset: the next offset it will read; None while it does not say.
    """

    segment: str
    server: str
    state: str
    offset: int | None


@dataclass(frozen=True)
class Stored:
    """Rows as held and rows as answered.

    Attributes:
        stored_rows: every version, tombstone and reject on disk.
        live_rows: what a query counts.
        segments: all of them; `consuming_segments` of these are still open.
        size_bytes: on the servers, all replicas; None while they do not say.
    """

    stored_rows: int
    live_rows: int
    segments: int
    consuming_segments: int
    size_bytes: int | None


@dataclass(frozen=True)
class TableHealth:
    """`ok` or what is wrong, in words for people."""

    ok: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reject:
    """A row that is not carried exactly: its key's column values (none when unreadable) and why.

    `key` holds a user's values: print it only where that was asked for.
    """

    key: tuple[object, ...]
    reason: str
    lsn: int
    offset: int


def consumers(client: PinotClient, table: str) -> dict[int, tuple[ConsumerState, ...]]:
    """Partition to what each replica's server says of it; empty when there is no such table."""
    found: dict[int, list[ConsumerState]] = {}
    answer = client.consuming_segments(table) or {}
    segments = cast("dict[str, list[dict[str, object]]]", answer.get("_segmentToConsumingInfoMap") or {})
    for segment, replicas in segments.items():
        partition = int(segment.split("__")[1])
        for replica in replicas:
            offsets = cast("dict[str, str]", replica.get("partitionToOffsetMap") or {})
            text = offsets.get(str(partition))
            found.setdefault(partition, []).append(
                ConsumerState(
                    segment=segment,
                    server=str(replica["serverName"]),
                    state=str(replica["consumerState"]),
                    offset=int(text) if text is not None and text.lstrip("-").isdigit() else None,
                )
            )
    return {partition: tuple(states) for partition, states in found.items()}


def positions(client: PinotClient, table: str) -> dict[int, int]:
    """Partition to the offset every replica has reached; a partition of which nothing is known is absent."""
    reached: dict[int, int] = {}
    for partition, states in consumers(client, table).items():
        offsets = [state.offset for state in states]
        known = [offset for offset in offsets if offset is not None]
        if known and len(known) == len(offsets):
            reached[partition] = min(known)
    return reached


def require_indexed(client: PinotClient, table: str, offsets: Mapping[int, int]) -> None:
    """Raise a HeadraceError unless a query sees everything below these offsets within a moment."""
    sql = f'SELECT COUNT(*) FROM "{table}" WHERE {NO_ROW}'  # noqa: S608 - a name headrace made
    checked_rows(client.query(sql, after_option(offsets), timeout_s=ASK_TIMEOUT_S))


def log_lost(client: PinotClient, table: str, partitions: int) -> str | None:
    """Why a partition stands still for good: rows of its log are gone. None while none says so."""
    try:
        require_indexed(client, table, dict.fromkeys(range(partitions), 0))
    except HeadraceError as error:
        if error.code == LOG_LOST:
            return error.cause
    return None


def stored(client: PinotClient, table: str) -> Stored:
    """Rows, segments and bytes of a table, for status and for deciding on compaction."""
    every = _count(client, f'SELECT COUNT(*) FROM "{table}"', {"skipUpsert": "true"})  # noqa: S608
    live = _count(client, f'SELECT COUNT(*) FROM "{table}"', {})  # noqa: S608
    view = client.ideal_state(table)
    consuming = sum(1 for states in view.values() if "CONSUMING" in states.values())
    size = client.size(table) or {}
    reported = size.get("reportedSizeInBytes")
    size_bytes = reported if isinstance(reported, int) and reported >= 0 else None
    return Stored(every, live, len(view), consuming, size_bytes)


def newest_commit_time_ms(client: PinotClient, table: str) -> int | None:
    """When the newest change that a table has was committed, deletes too; None when it has none."""
    found = _stored_rows(client, f'SELECT MAX(__commit_time) FROM "{table}"')  # noqa: S608
    newest = float(str(found[0][0])) if found else -math.inf  # milliseconds fit into a double
    return int(newest) if math.isfinite(newest) else None


def health(client: PinotClient, table: str) -> TableHealth:
    """Whether every segment is where it should be, every partition consumes and no segment has an error."""
    wanted, seen = client.ideal_state(table), client.external_view(table)
    if not wanted:
        return TableHealth(False, ("the table does not exist or has no segment",))
    problems: list[str] = []
    apart = sorted(segment for segment in wanted if wanted[segment] != seen.get(segment))
    if apart:
        problems.append(f"{len(apart)} of {len(wanted)} segments are not served, {apart[0]} among them")
    for partition, states in sorted(consumers(client, table).items()):
        stopped = [state.server for state in states if state.state != "CONSUMING"]
        if stopped:
            problems.append(f"partition {partition} is not consumed on {', '.join(stopped)}")
    problems += _segment_errors(client, table)
    return TableHealth(not problems, tuple(problems))


def live_rejects(client: PinotClient, table: str, key: tuple[str, ...]) -> int:
    """Rows that are not carried exactly and were not replaced since; above 0 the table is not exact."""
    return len(rejects(client, table, key))


def rejects(
    client: PinotClient, table: str, key: tuple[str, ...], *, page_rows: int = 100_000
) -> tuple[Reject, ...]:
    """What makes the table not exact, oldest first; at most `page_rows` of those with a remark.

    Rejects that are still the newest version of their key (a later row, tombstone or truncate clears them),
    records without a readable key (only a truncate clears those), and live rows with a remark: their source
    has a column that the declaration does not know, or lacks one.
    """
    names = (*(quote(name) for name in key), "__offset", "__lsn", "__reject", "$segmentName", "__kind")
    columns = ", ".join(names)
    select = f'SELECT {columns} FROM "{table}" WHERE'  # noqa: S608
    order = f"ORDER BY __offset LIMIT {page_rows}"
    found = _stored_rejects(client, select, len(key), page_rows)
    newest = _newest_offsets(client, table, key, [row for row in found if row[-1] == Kind.REJECT])
    emptied = _last_truncates(client, table) if found else {}
    kept: list[Reject] = []
    for row in found:
        values, offset = tuple(row[: len(key)]), int(str(row[len(key)]))
        readable = row[-1] == Kind.REJECT
        cleared = emptied.get(partition_of(str(row[-2])), -1)
        if offset > cleared and (not readable or offset >= newest.get(values, -1)):
            kept.append(_reject(row, len(key), readable=readable))
    remarked = checked_rows(client.query(f"{select} __reject <> '' {order}", timeout_s=30.0))
    kept += [_reject(row, len(key), readable=True) for row in remarked]
    return tuple(sorted(kept, key=lambda reject: reject.offset))


def _stored_rejects(client: PinotClient, select: str, offset_at: int, page_rows: int) -> list[list[object]]:
    """Every stored reject, in pages by offset, each of more rows than there are partitions.

    Partitions have offsets of their own: a page begins with the offset the one before ended with.
    """
    found: list[list[object]] = []
    start = 0
    while True:
        page = _stored_rows(
            client,
            f"{select} __kind IN ({Kind.REJECT}, {_WITHOUT_KEY}) AND __offset >= {start}"
            f" ORDER BY __offset LIMIT {page_rows}",
        )
        known = {_place(row, offset_at) for row in found if int(str(row[offset_at])) == start}
        fresh = [row for row in page if _place(row, offset_at) not in known]
        found += fresh
        if len(page) < page_rows or not fresh:
            return found
        start = int(str(page[-1][offset_at]))


def _place(row: list[object], offset_at: int) -> tuple[int, int]:
    """Partition and offset of a stored row."""
    return partition_of(str(row[-2])), int(str(row[offset_at]))


def _reject(row: list[object], width: int, *, readable: bool) -> Reject:
    key = tuple(row[:width]) if readable else ()
    return Reject(key, str(row[width + 2]), int(str(row[width + 1])), int(str(row[width])))


def _newest_offsets(
    client: PinotClient, table: str, key: tuple[str, ...], found: list[list[object]]
) -> dict[tuple[object, ...], int]:
    """Key to its newest stored offset for the keys of `found`."""
    keys = list(dict.fromkeys(tuple(row[: len(key)]) for row in found))
    names = ", ".join(quote(name) for name in key)
    newest: dict[tuple[object, ...], int] = {}
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        condition = _key_condition(key, keys[start : start + _KEYS_PER_QUERY])
        for row in _stored_rows(
            client,
            f'SELECT {names}, MAX(__offset) FROM "{table}" WHERE {condition} '  # noqa: S608
            f"GROUP BY {names} LIMIT {_KEYS_PER_QUERY}",
        ):
            newest[tuple(row[: len(key)])] = int(float(str(row[len(key)])))
    return newest


def _last_truncates(client: PinotClient, table: str) -> dict[int, int]:
    """Partition to the offset of the last truncate that is stored there."""
    last: dict[int, int] = {}
    for segment, offset in _stored_rows(
        client,
        f'SELECT $segmentName, MAX(__offset) FROM "{table}" '  # noqa: S608
        f"WHERE __kind = {Kind.TRUNCATE} GROUP BY $segmentName LIMIT {_MAX_SEGMENTS}",
    ):
        partition = partition_of(str(segment))
        last[partition] = max(last.get(partition, -1), int(float(str(offset))))
    return last


def _key_condition(key: tuple[str, ...], values: list[tuple[object, ...]]) -> str:
    if len(key) == 1:
        return f"{quote(key[0])} IN ({', '.join(_literal(value[0]) for value in values)})"
    return " OR ".join(
        "("
        + " AND ".join(f"{quote(name)} = {_literal(one)}" for name, one in zip(key, value, strict=True))
        + ")"
        for value in values
    )


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | Decimal) else text(str(value))


def _stored_rows(client: PinotClient, sql: str) -> list[list[object]]:
    return checked_rows(client.query(sql, {"skipUpsert": "true"}, timeout_s=30.0))


def _count(client: PinotClient, sql: str, options: dict[str, str]) -> int:
    rows = checked_rows(client.query(sql, options, timeout_s=30.0))
    return int(str(rows[0][0])) if rows else 0


def _segment_errors(client: PinotClient, table: str) -> list[str]:
    found: list[str] = []
    for entry in client.debug(table):
        infos = cast("list[dict[str, object]]", entry.get("segmentDebugInfos") or [])
        for info in infos:
            states = cast("dict[str, dict[str, object]]", info.get("serverState") or {})
            for server, state in states.items():
                error = cast("dict[str, object] | None", state.get("errorInfo"))
                if error and error.get("errorMessage"):
                    # Behind the first colon Pinot quotes the row.
                    message = str(error["errorMessage"]).partition(":")[0][:200]
                    found.append(f"{info.get('segmentName')} on {server}: {message}")
    return found
