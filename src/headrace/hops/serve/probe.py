"""How far Pinot has got with a table, how big it is and how it fares. Reading only.

Promise: positions are offsets of the next record to be read, per partition, as the servers state them at that
moment; they never run ahead of what is indexed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from headrace.contract import Kind
from headrace.hops.serve.answer import checked_rows
from headrace.hops.serve.client import PinotClient


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
    """A row that could not be carried exactly; its key's column values and why.

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
    """Rows that could not be carried exactly and were not replaced since; above 0 the table is not exact."""
    return len(rejects(client, table, key))


def rejects(
    client: PinotClient, table: str, key: tuple[str, ...], *, limit: int = 100_000
) -> tuple[Reject, ...]:
    """Rejects that are still the newest version of their key, oldest first; at most `limit` are looked at.

    A reject is out of every answer, so all stored rows are read. A later row or tombstone of the same key
    clears it, and so does a later truncate.
    """
    columns = ", ".join([*(f'"{name}"' for name in key), "__offset", "__lsn", "__reject"])
    found = _stored_rows(
        client,
        f'SELECT {columns} FROM "{table}" WHERE __kind = {Kind.REJECT} ORDER BY __offset LIMIT {limit}',  # noqa: S608
    )
    if not found:
        return ()
    newest = _newest_offsets(client, table, key)
    width = len(key)
    kept: list[Reject] = []
    for row in found:
        values, offset = tuple(row[:width]), int(str(row[width]))
        if offset >= max(newest.get(values, -1), newest.get((), -1)):
            kept.append(Reject(values, str(row[width + 2]), int(str(row[width + 1])), offset))
    return tuple(kept)


def _newest_offsets(client: PinotClient, table: str, key: tuple[str, ...]) -> dict[tuple[object, ...], int]:
    """Key to its newest stored offset, for keys that have a reject; `()` to that of the last truncate."""
    names = ", ".join(f'"{name}"' for name in key)
    per_key = _stored_rows(
        client,
        f'SELECT {names}, MAX(__offset), MAX(__kind) FROM "{table}" WHERE __kind <> {Kind.TRUNCATE} '  # noqa: S608
        f"GROUP BY {names} HAVING MAX(__kind) >= {Kind.REJECT} LIMIT 1000000",
    )
    newest = {tuple(row[: len(key)]): int(float(str(row[len(key)]))) for row in per_key}
    truncates = _stored_rows(
        client,
        f'SELECT __offset FROM "{table}" WHERE __kind = {Kind.TRUNCATE} ORDER BY __offset DESC LIMIT 1',  # noqa: S608
    )
    if truncates:
        newest[()] = int(str(truncates[0][0]))
    return newest


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
                    message = json.dumps(error["errorMessage"])[:200]
                    found.append(f"{info.get('segmentName')} on {server}: {message}")
    return found
