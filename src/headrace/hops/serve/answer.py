"""Reading what the broker answered: complete and right, or an error; never a number in between.

Promise: rows come out only when every server that was asked has answered, without an exception, over every
segment. Pinot itself answers with what it has and mentions the rest in passing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from headrace.errors import HeadraceError
from headrace.hops.serve.client import Json

_TRANSIENT = frozenset({190, 210, 211, 230, 235, 240, 305, 410, 420, 425, 427})
"""Pinot error codes that pass by themselves: a server starting, stopping or not yet routed to."""

OURS = "headrace:"
"""How a refusal of our query executor begins (java/pinot, NotAnswerable)."""

LOG_LOST = "log-lost"
"""Code of the error, and how such a refusal goes on."""


@dataclass(frozen=True)
class Answer:
    """A complete answer of the broker.

    Attributes:
        names, types: of the columns, types in Pinot's words (`LONG`, `BIG_DECIMAL`, `TIMESTAMP`).
        rows: values as JSON gave them.
        time_ms: as the broker measured it.
        stored_rows: documents in the segments asked.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[object]]
    time_ms: int
    stored_rows: int


_RACE = "ConcurrentModificationException"
"""Seen of the parser of a broker that just started and is asked by several at once; the query is right."""


class Unserved(HeadraceError):
    """No server was asked and Pinot named no reason: nothing routed yet, or a filter that is always false."""


class Transient(HeadraceError):
    """A failure worth trying again within a second or two."""


def read(response: Json) -> Answer:
    """The answer in `response`.

    Raises:
        Transient: servers or segments are missing for the moment, or a server is catching up.
        Unserved: nobody was asked.
        HeadraceError: `log-lost`; `query-rejected` for what Pinot refuses; `query-partial`, `query-timeout`,
            `query-failed` for the rest.
    """
    _raise_exceptions(cast("list[dict[str, object]]", response.get("exceptions") or []))
    queried, responded = _number(response, "numServersQueried"), _number(response, "numServersResponded")
    if responded < queried:
        raise Transient(
            "query-partial",
            f"{queried - responded} of {queried} Pinot servers did not answer",
            hint="see `headrace status`; the answer would have been incomplete and was thrown away",
        )
    if response.get("partialResult") or response.get("numGroupsLimitReached"):
        raise HeadraceError(
            "query-partial",
            "Pinot answered from a part of the rows only",
            cause="more groups than pinot.server.query.executor.num.groups.limit"
            if response.get("numGroupsLimitReached")
            else "partialResult",
            hint="narrow the query with WHERE, or group by fewer values",
        )
    table = cast("Json | None", response.get("resultTable"))
    if queried == 0 or table is None:
        raise Unserved(
            "query-unserved",
            "no Pinot server was asked",
            cause="the table has no segment that is served yet",
            hint="right after `headrace up` this passes; else see `headrace status`",
        )
    schema = cast("dict[str, list[str]]", table["dataSchema"])
    return Answer(
        names=tuple(schema["columnNames"]),
        types=tuple(schema["columnDataTypes"]),
        rows=cast("list[list[object]]", table["rows"]),
        time_ms=_number(response, "timeUsedMs"),
        stored_rows=_number(response, "totalDocs"),
    )


def checked_rows(response: Json) -> list[list[object]]:
    """Only the rows; every failure is raised as `read` does."""
    return read(response).rows


def _raise_exceptions(exceptions: list[dict[str, object]]) -> None:
    if not exceptions:
        return
    codes = [int(str(item.get("errorCode", 0))) for item in exceptions]
    messages = [str(item.get("message", "")) for item in exceptions]
    cause = _first_line(messages[0])
    ours = next((message for message in messages if OURS in message), None)
    if ours is not None:
        raise _refusal(ours[ours.index(OURS) + len(OURS) :].strip().splitlines()[0])
    if all(code in _TRANSIENT for code in codes):
        raise Transient(
            "query-partial",
            "Pinot cannot answer from all segments at this moment",
            cause=cause,
            hint="see `headrace status`; the answer would have been incomplete and was thrown away",
        )
    if any(_RACE in message for message in messages):
        raise Transient("query-failed", "Pinot failed to answer this query", cause=cause)
    if any(code in {150, 700, 710} for code in codes):
        raise HeadraceError("query-rejected", "Pinot does not accept this query", cause=cause)
    if any(code in {250, 400} for code in codes):
        raise HeadraceError(
            "query-timeout",
            "the query took longer than it was given",
            cause=cause,
            hint="give it more with --timeout, or narrow it with WHERE",
        )
    raise HeadraceError("query-failed", "Pinot failed to answer this query", cause=cause)


def _refusal(reason: str) -> HeadraceError:
    if "not reached in time" in reason:
        return HeadraceError(
            "query-after-timeout",
            "Pinot did not reach the asked point in time",
            cause=reason,
            hint="see `headrace status` for how far it is; give it more with --timeout",
        )
    if reason.startswith(f"{LOG_LOST}:"):
        return HeadraceError(
            "log-lost",
            "rows of the log are gone that Pinot had not read",
            cause=reason.removeprefix(f"{LOG_LOST}:").strip(),
            hint="`headrace apply` builds the table anew",
        )
    return Transient(
        "query-not-caught-up",
        "Pinot cannot answer exactly at this moment",
        cause=reason,
        hint="after a restart this passes once it has read again what readers had seen: `headrace status`",
    )


def _first_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith("at ")]
    return " ".join(useful[:2])[:400]


def _number(response: Json, key: str) -> int:
    value = response.get(key, 0)
    return value if isinstance(value, int) else 0
