"""A record of a topic, decoded for people and programs.

It holds values of rows: print it only where that was asked for, and never log it (`repr` leaves them out).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import cast

from headrace.hops.topic.messages import Record


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        topic, partition, offset: where it is.
        time_ms: when Kafka, or whoever wrote it, says that it was written.
        key: as JSON, as text when it is none; None without a key.
        op: Debezium's operation of a change: r, c, u, d, t; None for what is no change of a row.
        before, after: the images of the row, None where there is none.
        value: of what is no change: as JSON, as text when it is none; None for a tombstone.
        commit_time_ms, lsn, txid: of the change at the source, None where it does not say.
    """

    topic: str
    partition: int
    offset: int
    time_ms: int
    key: object = field(repr=False)
    op: str | None = None
    before: object = field(default=None, repr=False)
    after: object = field(default=None, repr=False)
    value: object = field(default=None, repr=False)
    commit_time_ms: int | None = None
    lsn: int | None = None
    txid: int | None = None


def decoded(record: Record) -> Message:
    """The message of a record; what is neither JSON nor text keeps its bytes visible."""
    place = (record.topic, record.partition, record.offset, record.timestamp_ms)
    key, value = _decoded(record.key), _decoded(record.value)
    if not isinstance(value, dict):
        return Message(*place, key, value=value)
    document = cast("dict[str, object]", value)
    op = document.get("op")
    if not isinstance(op, str) or not ({"before", "after"} & set(document) or op == "t"):
        return Message(*place, key, value=document)
    source = document.get("source")
    known = cast("dict[str, object]", source) if isinstance(source, dict) else {}
    return Message(
        *place,
        key,
        op,
        document.get("before"),
        document.get("after"),
        commit_time_ms=_number(known.get("ts_ms")),
        lsn=_number(known.get("lsn")),
        txid=_number(known.get("txId")),
    )


def _decoded(data: bytes | None) -> object:
    if data is None:
        return None
    text = data.decode(errors="backslashreplace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
