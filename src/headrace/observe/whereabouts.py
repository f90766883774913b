"""Where one row is at this moment, in a sentence; pure.

Promise: a verdict says only what was seen. A row that is at the source and not in Kafka counts as missing
only when all that was committed before the look must be there: after a fence, or once the slot confirmed it.
"""

from __future__ import annotations

from enum import StrEnum

from headrace.contract import Kind
from headrace.observe.trace import CaptureLook, Change, Place, SourceLook, Trace, Verdict, ViewLook

_XID_SPACE = 1 << 32


class Arrival(StrEnum):
    """Whether the source's state of the row is in Kafka."""

    YES = "yes"
    NO = "no"
    LOST = "lost"  # it must be there and is not
    LATER = "later"  # Kafka holds a change that was made after the look at the source


def arrival(source: SourceLook, capture: CaptureLook, newest: Change | None) -> Arrival:
    """Compare what the source holds with the newest record of the key."""
    if newest is None:
        return Arrival.YES if not source.present else _missing(source, capture)
    if source.present != newest.leaves_row:
        if source.lsn is not None and newest.lsn > source.lsn:
            return Arrival.LATER
        return _missing(source, capture)
    if source.xmin is None or _wrote(source, capture, newest):
        return Arrival.YES
    if source.lsn is not None and newest.lsn > source.lsn:
        return Arrival.LATER
    # PostgreSQL numbers savepoints apart, Debezium does not: only a position can tell them from a gap.
    return Arrival.YES if _covered(source, capture) else Arrival.NO


def _wrote(source: SourceLook, capture: CaptureLook, newest: Change) -> bool:
    """Whether the record's transaction is surely the one that wrote the row."""
    assert source.xmin is not None
    if newest.op == "r" and not capture.in_snapshot:
        return (newest.txid - source.xmin) % _XID_SPACE < _XID_SPACE // 2
    if source.commit_time_ms is not None and source.commit_time_ms == newest.commit_time_ms:
        return True
    return (newest.txid - source.xmin) % _XID_SPACE == 0


def _missing(source: SourceLook, capture: CaptureLook) -> Arrival:
    return Arrival.LOST if _covered(source, capture) else Arrival.NO


def _covered(source: SourceLook, capture: CaptureLook) -> bool:
    """Whether everything committed before the look at the source must be in Kafka."""
    if capture.fenced:
        return True
    known = source.lsn is not None and capture.confirmed_lsn is not None
    return known and (capture.confirmed_lsn or 0) >= (source.lsn or 0)


def verdict(trace: Trace) -> Verdict:
    """Where the row is at this moment, and which hop it waits for."""
    before = _before_kafka(trace)
    if before is not None:
        return before
    newest = trace.newest
    if newest is None:
        return _nothing(trace)
    behind = _behind_kafka(trace, newest)
    if behind is not None:
        return behind
    if trace.source.problem:
        sentence = "PostgreSQL could not be asked; Pinot has the newest change that Kafka holds"
        return Verdict(Place.UNKNOWN, sentence)
    return Verdict(Place.EVERYWHERE, _everywhere(trace, newest))


def _before_kafka(trace: Trace) -> Verdict | None:
    """The verdict when it is settled before Kafka."""
    source, newest = trace.source, trace.newest
    if source.problem:
        return None
    if trace.topic.problem and not (newest and arrival(source, trace.capture, newest) is Arrival.YES):
        return Verdict(Place.UNKNOWN, "Kafka could not be asked, and Pinot does not have the last change")
    found = arrival(source, trace.capture, newest)
    if found is Arrival.YES:
        return None
    if found is Arrival.LATER:
        return Verdict(Place.CHANGING, "the row was changed while it was looked for: look again")
    if trace.topic.bounded:
        sentence = (
            "more records wait before Pinot than were looked at, the row's last change may be among them"
        )
        return Verdict(Place.UNKNOWN, sentence)
    what = "the row" if source.present else "its deletion"
    if found is Arrival.LOST:
        sentence = f"{what} is committed and never came to Kafka: see `headrace status` and `headrace verify`"
        return Verdict(Place.APART, sentence)
    return Verdict(Place.SOURCE, f"{what} is committed, not yet in Kafka: {_why(trace.capture)}")


def _why(capture: CaptureLook) -> str:
    if capture.problem:
        return f"the connector could not be asked ({capture.problem})"
    if capture.connector_state is None:
        return f"there is no connector {capture.connector}"
    if not capture.runs:
        return f"the connector is {_states(capture)}"
    if capture.in_snapshot:
        return "the connector still reads its first snapshot"
    behind = "" if capture.behind_bytes is None else f" by {size(capture.behind_bytes)}"
    return f"the connector is behind{behind}"


def _states(capture: CaptureLook) -> str:
    if capture.connector_state != "RUNNING":
        return f"{capture.connector_state}"
    return f"{capture.connector_state}, its task {capture.task_state or 'missing'}"


def _nothing(trace: Trace) -> Verdict:
    if trace.source.problem or trace.topic.problem or trace.serve.problem or trace.topic.bounded:
        return Verdict(Place.UNKNOWN, "no hop that could be asked knows this key")
    return Verdict(Place.NOWHERE, "no hop knows this key: there is no such row, and none is stored of it")


def _behind_kafka(trace: Trace, newest: Change) -> Verdict | None:
    """The verdict when something behind Kafka does not have the change yet."""
    serve = trace.serve
    at = f"in Kafka at offset {newest.offset:,}"
    if serve.problem:
        return Verdict(Place.UNKNOWN, f"{at}; Pinot could not be asked")
    if serve.newest is None or serve.newest.offset < newest.offset:
        reached = serve.reached.get(newest.partition)
        where = "Pinot does not say where it is" if reached is None else f"Pinot is at {reached:,}"
        return Verdict(Place.TOPIC, f"{at}, {where}")
    expected = newest.offset if serve.newest.kind == Kind.ROW else None
    if serve.answering != expected and (serve.answering is None or serve.answering < newest.offset):
        sentence = "Pinot stores the last change and answers with another one: run `headrace verify`"
        return Verdict(Place.APART, sentence)
    for view in trace.views:
        if view.holds(newest.offset) is not True:
            return Verdict(Place.VIEWS, f"in Pinot; the view {view.name} {_view_waits(view, newest)}")
    return None


def _view_waits(view: ViewLook, newest: Change) -> str:
    if view.problem:
        return f"could not be asked ({view.problem})"
    if view.computed_below is None or view.computed_below <= newest.offset:
        return f"is computed to offset {view.computed_below or 0:,}, the change is at {newest.offset:,}"
    if view.behind_records is None:
        return "is computed, Pinot does not say how far it has read"
    return f"is computed, Pinot has {view.behind_records:,} of its records to read"


def _everywhere(trace: Trace, newest: Change) -> str:
    serve = trace.serve
    if serve.newest is not None and serve.newest.kind == Kind.REJECT:
        return f"the row's last change is everywhere, set aside because it cannot be carried: {serve.reason}"
    if newest.kind == Kind.TRUNCATE:
        return "the table was truncated, and that is everywhere"
    return "the row's last change is everywhere" if newest.leaves_row else "the row is deleted everywhere"


def size(size_bytes: int) -> str:
    """For people: `312 B`, `4.1 kB`, `12 MB`."""
    if size_bytes < 1_000:
        return f"{size_bytes} B"
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes / 1_000:.1f} kB"
